#!/usr/bin/env bash
# Podman 4.3.1, which Debian 12 has, takes the name of a file that is copied out of a container for a
# pattern. Asked for `page[1].html`, a name as routes of web frameworks have it, it sends the content of
# `page1.html` as the answer, and no error; asked for `q?.txt` it sends two files instead of one. Its API
# for archives, which programs for Docker use, does the same, and in `X-Docker-Container-Path-Stat` it
# names the file that was asked for. Docker takes names for names. It matters to whoever fetches results
# out of containers: a file is replaced by its neighbour, and nobody is told.
# Exits with 0 while this is so. Needs Debian 12 and root, but installs nothing: the packages are unpacked.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
apt-get download --quiet=2 -o APT::Sandbox::User=root podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 crun libdevmapper1.02.1 libgpgme11 libseccomp2 libsubid4 libassuan0 libyajl2
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(find "$directory/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
export LD_LIBRARY_PATH
mkdir empty
touch containers.conf
export CONTAINERS_CONF="$directory/containers.conf" HOME="$directory"

podman() {
  root/usr/bin/podman --root "$directory/storage" --runroot "$directory/run" --tmpdir "$directory/tmp" --network-config-dir "$directory/networks" \
    --storage-driver vfs --events-backend none --cgroup-manager cgroupfs --conmon "$directory/root/usr/bin/conmon" --runtime "$directory/root/usr/bin/crun" "$@"
}

podman --version
podman create --network none --name any --volume results:/results --rootfs "$directory/empty" /never-started >/dev/null
results=$(podman volume inspect results --format '{{.Mountpoint}}')
for name in page1.html 'page[1].html' qa.txt 'q?.txt'; do
  echo "content of $name" >"$results/$name"
done
podman cp 'any:/results/page[1].html' - >page.tar
podman cp 'any:/results/q?.txt' - >q.tar
page="$(tar -tf page.tar) with \"$(tar -xOf page.tar)\""
q=$(tar -tf q.tar | sort | paste -sd' ')
echo "asked for page[1].html: $page"
echo "asked for q?.txt: $q"
[ "$page" = 'page1.html with "content of page1.html"' ] && [ "$q" = 'q?.txt qa.txt' ]
