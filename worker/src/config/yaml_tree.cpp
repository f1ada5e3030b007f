#include "config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

namespace cdc::config {
namespace {

// A bound or a rule that ends the reading at once; caught in parse_yaml.
struct Refusal {
    Problem problem;
};

Place place_of(const YAML::Mark& mark) {
    return {mark.line + 1, mark.column + 1};
}

// Builds the tree from yaml-cpp's events.
class Builder : public YAML::EventHandler {
  public:
    explicit Builder(Problems& problems) : problems_(problems) {}

    YamlNode take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        complete(open_node(YamlNode::Kind::null, mark), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto target = anchors_.find(anchor);
        if (target == anchors_.end()) refuse(place_of(mark), "an alias inside of what it stands for", "");
        count(target->second.nodes, mark);
        complete(target->second.node, 0);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        const bool plain = tag == "?";
        const bool null = plain && (value.empty() || value == "~" || value == "null");
        YamlNode node = open_node(null ? YamlNode::Kind::null : YamlNode::Kind::scalar, mark);
        node.text = value;
        complete(std::move(node), anchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        push(YamlNode::Kind::list, mark, anchor);
    }
    void OnSequenceEnd() override { pop(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        push(YamlNode::Kind::map, mark, anchor);
    }
    void OnMapEnd() override { pop(); }

  private:
    // A list or a map whose end has not come.
    struct Open {
        YamlNode node;
        YAML::anchor_t anchor = 0;
        std::size_t nodes_before = 0;
        bool has_key = false;
        YamlNode::Entry entry;         // of a map: the key that waits for its value
        std::vector<YamlNode> merged;  // of a map: the maps of its "<<"
    };
    struct Anchored {
        YamlNode node;
        std::size_t nodes = 0;  // in the whole subtree
    };

    [[noreturn]] static void refuse(Place place, std::string message, std::string hint) {
        throw Refusal{{Severity::error, place, "", std::move(message), std::move(hint)}};
    }

    YamlNode open_node(YamlNode::Kind kind, const YAML::Mark& mark) {
        count(1, mark);
        YamlNode node;
        node.kind = kind;
        node.place = place_of(mark);
        return node;
    }

    void count(std::size_t nodes, const YAML::Mark& mark) {
        nodes_ += nodes;
        if (nodes_ > max_nodes)
            refuse(place_of(mark), "more than " + std::to_string(max_nodes) + " values",
                   "aliases count in full");
    }

    void push(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (open_.size() >= static_cast<std::size_t>(max_depth))
            refuse(place_of(mark), "nested more than " + std::to_string(max_depth) + " deep", "");
        Open open;
        open.nodes_before = nodes_;
        open.node = open_node(kind, mark);
        open.anchor = anchor;
        open_.push_back(std::move(open));
    }

    void pop() {
        Open open = std::move(open_.back());
        open_.pop_back();
        merge(open);
        if (open.anchor != 0) anchors_[open.anchor] = {open.node, nodes_ - open.nodes_before};
        place(std::move(open.node));
    }

    void complete(YamlNode node, YAML::anchor_t anchor) {
        if (anchor != 0) anchors_[anchor] = {node, 1};
        place(std::move(node));
    }

    // Puts a finished node where it belongs.
    void place(YamlNode node) {
        if (open_.empty()) {
            root_ = std::move(node);
        } else if (Open& parent = open_.back(); parent.node.kind == YamlNode::Kind::list) {
            parent.node.items.push_back(std::move(node));
        } else if (!parent.has_key) {
            take_key(parent, node);
        } else {
            parent.has_key = false;
            if (parent.entry.key == "<<") {
                take_merge(parent, std::move(node));
            } else {
                parent.entry.value = std::move(node);
                add_entry(parent.node, std::move(parent.entry));
            }
        }
    }

    static void take_key(Open& parent, const YamlNode& node) {
        if (node.kind == YamlNode::Kind::list || node.kind == YamlNode::Kind::map)
            refuse(node.place, "a key must be a single word", "");
        parent.entry = {node.text, node.place, {}};
        parent.has_key = true;
    }

    void add_entry(YamlNode& map, YamlNode::Entry entry) {
        const auto same = std::ranges::find(map.entries, entry.key, &YamlNode::Entry::key);
        if (same == map.entries.end()) {
            map.entries.push_back(std::move(entry));
            return;
        }
        problems_.push_back({Severity::error, entry.place, entry.key,
                             "duplicate key, first given in line " + std::to_string(same->place.line),
                             "remove one of the two"});
    }

    static void take_merge(Open& parent, YamlNode node) {
        std::vector<YamlNode> maps;
        if (node.kind == YamlNode::Kind::list) {
            maps = std::move(node.items);
        } else {
            maps.push_back(std::move(node));
        }
        for (YamlNode& map : maps) {
            if (map.kind != YamlNode::Kind::map)
                refuse(parent.entry.place, "\"<<\" takes a map or a list of maps",
                       "name an anchored map, as in <<: *defaults");
            parent.merged.push_back(std::move(map));
        }
    }

    static void merge(Open& open) {
        for (YamlNode& map : open.merged) {
            for (YamlNode::Entry& entry : map.entries) {
                if (open.node.find(entry.key) == nullptr) open.node.entries.push_back(std::move(entry));
            }
        }
    }

    Problems& problems_;
    YamlNode root_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, Anchored> anchors_;
    std::size_t nodes_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(const std::string& key) const {
    const auto entry = std::ranges::find(entries, key, &Entry::key);
    return entry == entries.end() ? nullptr : &entry->value;
}

const char* YamlNode::kind_name() const {
    switch (kind) {
        case Kind::null:
            return "nothing";
        case Kind::scalar:
            return "a single value";
        case Kind::list:
            return "a list";
        case Kind::map:
            return "a map";
    }
    return "";
}

YamlNode parse_yaml(const std::string& text, Problems& problems) {
    if (text.size() > max_file_bytes) {
        problems.push_back({Severity::error,
                            {},
                            "",
                            "the file has " + std::to_string(text.size()) + " bytes, at most " +
                                std::to_string(max_file_bytes) + " are read",
                            "split its pipelines over several files and workers"});
        return {};
    }
    Builder builder(problems);
    try {
        // yaml-cpp takes a quote that is never closed for a whole text if blanks stand before the file's end.
        std::istringstream stream(text.substr(0, text.find_last_not_of(" \r\n\t") + 1));
        YAML::Parser parser(stream);
        parser.HandleNextDocument(builder);
        YamlNode root = builder.take();
        Builder rest(problems);
        if (parser.HandleNextDocument(rest)) {
            problems.push_back({Severity::error, rest.take().place, "", "a second YAML document",
                                "one file holds one document: remove the \"---\" and what follows"});
        }
        return root;
    } catch (const Refusal& refusal) {
        problems.push_back(refusal.problem);
    } catch (const YAML::Exception& error) {
        problems.push_back({Severity::error, place_of(error.mark), "", "broken YAML: " + error.msg,
                            "check indentation, quotes and brackets here and in the lines before"});
    }
    return {};
}

}  // namespace cdc::config
