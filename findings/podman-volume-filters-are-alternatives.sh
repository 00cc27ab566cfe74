#!/usr/bin/env bash
# Podman 4.3.1, which Debian 12 has, joins several filters of volumes by "or": `volume ls` with two
# labels lists what has only one of them, and `volume prune` with the same two deletes it. Docker joins
# them by "and", by the same options and by the same calls of its API, and Podman's page of the manual
# says neither. It matters to programs that were written for Docker and tell their own volumes by two
# labels: on Podman they list the volumes of others, and may remove them.
# Exits with 0 while this is so. Needs Debian 12 and root, but installs nothing: the packages are unpacked.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
apt-get download --quiet=2 -o APT::Sandbox::User=root podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 crun libdevmapper1.02.1 libgpgme11 libseccomp2 libsubid4 libassuan0 libyajl2
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(find "$directory/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
export LD_LIBRARY_PATH
touch containers.conf
export CONTAINERS_CONF="$directory/containers.conf" HOME="$directory"

podman() {
  root/usr/bin/podman --root "$directory/storage" --runroot "$directory/run" --tmpdir "$directory/tmp" --network-config-dir "$directory/networks" \
    --storage-driver vfs --events-backend none --cgroup-manager cgroupfs --conmon "$directory/root/usr/bin/conmon" --runtime "$directory/root/usr/bin/crun" "$@"
}

podman --version
podman volume create --label owner=us --label kind=cache ours >/dev/null
podman volume create --label owner=them --label kind=cache theirs >/dev/null
podman volume create --label owner=us --label kind=data data >/dev/null
podman volume create --label owner=them --label kind=data other >/dev/null
asked=(--filter label=owner=us --filter label=kind=cache)
listed=$(podman volume ls --quiet "${asked[@]}" | sort | paste -sd' ')
podman volume prune --force "${asked[@]}" >/dev/null
left=$(podman volume ls --quiet | sort | paste -sd' ')
echo "volume ls ${asked[*]}: $listed (only \"ours\" has both labels)"
echo "left after volume prune with the same filters: $left"
[ "$listed" = 'data ours theirs' ] && [ "$left" = other ]
