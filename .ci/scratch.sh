# Sourced by the scripts that need a throwaway place: a scratch directory that the postgres user can reach, a private
# copy of the PostgreSQL installation with the plugin in it, throwaway clusters in it, and a clean end of all of them.
# Nothing here touches the system's PostgreSQL: the copy is found by the server itself, because PostgreSQL derives its
# share and library directories from where its binary lies (src/port/path.c, make_relative_path).
# initdb and postgres refuse root: as root everything of theirs runs as the user postgres.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
major=${CDC_PG_MAJOR:-15}
system_postgres=${PG_CONFIG:-/usr/lib/postgresql/$major/bin/pg_config}
scratch=
scratch_pids=()
clusters=()
small_disks=()

# scratch_begin NAME: makes $scratch, to be removed at exit (kept with KEEP_SCRATCH=1). Short, since a socket's path
# ends at 107 bytes.
scratch_begin() {
    scratch=$(mktemp -d "/tmp/cdc-$1.XXXXXX")
    chmod 755 "$scratch"
    trap scratch_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# Stops what was started here, newest first, and removes the scratch directory. Runs on every way out.
scratch_end() {
    local status=$? pid cluster i
    trap - EXIT INT TERM HUP
    for ((i = ${#scratch_pids[@]} - 1; i >= 0; i--)); do
        pid=${scratch_pids[i]}
        kill "$pid" 2>/dev/null || continue
        timeout 10 tail --pid="$pid" -f /dev/null || kill -9 "$pid" 2>/dev/null || true
    done
    for cluster in "${clusters[@]}"; do
        as_postgres "$pgbin/pg_ctl" -D "$cluster/data" -m immediate -w stop >/dev/null 2>&1 || true
    done
    stop_strays
    for cluster in "${small_disks[@]}"; do umount "$cluster" 2>/dev/null || umount -l "$cluster" 2>/dev/null || true; done
    if [ "${KEEP_SCRATCH:-0}" = 1 ]; then
        echo "scratch directory kept: $scratch" >&2
    else
        rm -rf "$scratch"
    fi
    exit "$status"
}

# What still runs from a binary in the scratch directory: the servers and workers of a test that was itself killed. QUIT
# lets a server free its shared memory.
stop_strays() {
    local process signal found
    for signal in QUIT KILL; do
        found=
        for process in /proc/[0-9]*; do
            case $(readlink "$process/exe" 2>/dev/null) in
            "$scratch"/*) kill -"$signal" "${process#/proc/}" 2>/dev/null && found=1 ;;
            esac
        done
        [ -n "$found" ] || return 0
        sleep 1
    done
}

# build TARGET…: make's targets in the checkout, one run at a time.
build() {
    mkdir -p "$root/build"
    flock "$root/build/lock" make -s -C "$root" PG_CONFIG="$system_postgres" "$@"
}

# as_postgres COMMAND…: as the user postgres where we are root, else as we are; in a directory that user can enter.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        (cd / && "$@")
    fi
}

# owned_directory PATH…: directories that belong to the user of as_postgres.
owned_directory() {
    mkdir -p "$@"
    [ "$(id -u)" -ne 0 ] || chown postgres: "$@"
}

# small_disk PATH MEGABYTES: a disk that a test can fill, of the user of as_postgres. Fails where we may not mount one.
small_disk() {
    [ "$(id -u)" -eq 0 ] || return 1
    mkdir -p "$1"
    mount -t tmpfs -o "size=$2m,mode=0700,uid=$(id -u postgres),gid=$(id -g postgres)" cdc-small-disk "$1" 2>/dev/null || return 1
    small_disks+=("$1")
}

# private_postgres: copies the installation to $scratch/install, installs the plugin into the copy and sets $pgbin. The
# binaries are copied, since a link would lead the server back to the system's directories; the rest is links.
private_postgres() {
    local bindir libdir sharedir
    bindir=$("$system_postgres" --bindir)
    libdir=$("$system_postgres" --pkglibdir)
    sharedir=$("$system_postgres" --sharedir)
    mkdir -p "$scratch/install$bindir" "$scratch/install$libdir" "$scratch/install$sharedir/extension"
    cp -L "$bindir"/* "$scratch/install$bindir/"
    ln -s "$libdir"/* "$scratch/install$libdir/"
    find "$sharedir" -mindepth 1 -maxdepth 1 ! -name extension -exec ln -s -t "$scratch/install$sharedir" {} +
    ln -s "$sharedir"/extension/* "$scratch/install$sharedir/extension/"
    # what an earlier `make install` put into the system must not be written through the links
    rm -f "$scratch/install$libdir"/cdc_envelope* "$scratch/install$sharedir"/extension/cdc_envelope*
    flock "$root/build/lock" make -s -C "$root/plugin" PG_CONFIG="$system_postgres" DESTDIR="$scratch/install" install \
        >/dev/null
    pgbin=$scratch/install$bindir
}

# fetched_postgres MAJOR: the same with a server that .ci/postgres-majors fetched: a copy in $scratch/postgres-MAJOR, with
# the plugin compiled for it (in links to the sources, since plugin/ holds the objects of another major). Sets
# $system_postgres and $pgbin. Fails where the server can't be had.
fetched_postgres() {
    local place=$root/build/postgres/$1 copy=$scratch/postgres-$1
    [ -e "$place/bin/postgres" ] || "$root/.ci/postgres-majors" "$1" >&2
    [ -e "$place/bin/postgres" ] || return
    pgbin=$copy/$(readlink "$place/bin" | cut -d/ -f2-)
    system_postgres=$pgbin/pg_config
    [ ! -e "$copy/complete" ] || return 0
    cp -a "$place/tree" "$copy"
    [ ! -s "$place/loader" ] || own_libraries "$copy" "$(cat "$place/loader")"
    [ "$("$pgbin/pg_config" --bindir)" = "$pgbin" ] || relocated_pg_config "$copy"
    # The tests need a psql that knows \getenv, and a pgbench that knows --max-tries: those of Debian's own major.
    case $1 in 13 | 14) ln -sf /usr/lib/postgresql/15/bin/{psql,pgbench} "$pgbin/" ;; esac
    mkdir -p "$place/source"/{plugin,control}
    flock "$place" "$BASH" -c '
        find "$1" -type l -delete
        ln -s -t "$1/plugin" "$2"/plugin/{*.cpp,*.h,Makefile,exports.txt}
        ln -s -t "$1/control" "$2"/control/*
        make -s -C "$1/plugin" PG_CONFIG="$3" -j"$4" all check-symbols install >/dev/null
    ' compile "$place/source" "$root" "$system_postgres" "${JOBS:-$(nproc)}" && touch "$copy/complete"
}

# own_libraries TREE LOADER: the programs of another Debian suite, unpacked in TREE, run with that suite's C library.
own_libraries() {
    local triplet program
    triplet=$(basename "$(dirname "$2")")
    for program in $(find "$1"/usr/lib/postgresql -type f -perm -u+x ! -name '*.so*'); do
        case $(head -c 4 "$program" | tr -d '\0') in
        ?ELF) patchelf --set-interpreter "$1/$2" --force-rpath \
            --set-rpath "$1/usr/lib/$triplet:$1/lib/$triplet" "$program" ;;
        esac
    done
}

# relocated_pg_config TREE: Debian's pg_config of older suites answers for /usr, wherever it lies.
relocated_pg_config() {
    mv "$pgbin/pg_config" "$pgbin/pg_config.usr"
    printf '#!/bin/sh\n%s "$@" | sed "s#^/usr/#%s/usr/#"\n' "$pgbin/pg_config.usr" "$1" >"$pgbin/pg_config"
    chmod 755 "$pgbin/pg_config"
}

# output_plugin_setting: the configuration line that lets this server load our plugin; empty where the server's minor
# release does not know the setting (and would refuse to start over it).
output_plugin_setting() {
    # Not grep -q: it would stop reading early, and under pipefail the server's broken pipe is the result.
    if as_postgres "$pgbin/postgres" --describe-config | grep '^output_plugin_libraries' >/dev/null; then
        echo "output_plugin_libraries = 'pgoutput, test_decoding, cdc_envelope'"
    fi
}

# cluster_start NAME [CONFIGURATION LINE…]: a throwaway cluster on a Unix socket alone, in $scratch/NAME: the socket's
# directory. Sets PGHOST and PGUSER. It does not wait for the disk (fsync is off, unless a line says otherwise): it does not
# outlive the script.
cluster_start() {
    local place=$scratch/$1
    shift
    owned_directory "$place"
    chmod 700 "$place"
    as_postgres "$pgbin/initdb" -D "$place/data" -U postgres -A trust -N -E UTF8 --locale=C.UTF-8 >/dev/null
    {
        printf "%s\n" "listen_addresses = ''" "unix_socket_directories = '$place'" "wal_level = logical" \
            "max_replication_slots = 20" "max_wal_senders = 20" "fsync = off" "log_min_messages = warning" \
            "log_replication_commands = off" "$(output_plugin_setting)" "$@"
    } >>"$place/data/postgresql.conf"
    if ! as_postgres "$pgbin/pg_ctl" -D "$place/data" -l "$place/server.log" -w start >/dev/null; then
        cat "$place/server.log" >&2
        return 1
    fi
    clusters+=("$place")
    export PGHOST=$place PGUSER=postgres PGPORT=5432
    unset PGDATABASE PGSERVICE PGPASSWORD PGOPTIONS
}
