#!/bin/sh
# Tries vpsbench on another system in a chroot, as root: tests/platforms/try.sh SUITE FOLDER [MIRROR]
# Builds Debian SUITE with its own Python in FOLDER (kept for the next time), installs this tree with pip, and runs it:
# as root, as nobody, without fio. Prints one line for each; docs/platforms.md holds what came out.
set -eu
suite=$1 root=$2 mirror=${3:-$(sed -n 's/^URIs: *//p;s/^deb \([^ [][^ ]*\) .*/\1/p' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -n 1)}
tree=$(cd "$(dirname "$0")/../.." && pwd)

[ -e "$root/etc/os-release" ] ||
	debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,fio,procps "$suite" "$root" "$mirror" > "$root.log" 2>&1
clean() { for place in dev/shm sys proc; do umount "$root/$place" 2> /dev/null || true; done; }
trap clean EXIT
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sys "$root/sys"
mkdir -p "$root/dev/shm"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
for device in null zero random urandom; do [ -c "$root/dev/$device" ] || cp -a "/dev/$device" "$root/dev/"; done
cp /etc/resolv.conf "$root/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # of a network whose proxy has a certificate of its own

rm -rf "$root/vpsbench" && mkdir "$root/vpsbench"
(cd "$tree" && tar -c vpsbench profiles pyproject.toml README.md) | tar -x -C "$root/vpsbench"
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root PIP_CERT=/etc/ssl/certs/ca-certificates.crt "$@"; }
inside sh -c 'rm -rf /venv && python3 -m venv /venv && /venv/bin/pip install --quiet --disable-pip-version-check /vpsbench'
about=$(inside sh -c '. /etc/os-release; echo "$PRETTY_NAME, $(python3 -V), $(du -sm /venv | cut -f1) MB installed"')

try() { # name, command
	if inside sh -c "cd /tmp && $2" > "$root.out" 2>&1; then outcome=works; else outcome="status $?: $(tail -n 1 "$root.out")"; fi
	echo "$suite: $1: $outcome"
}
echo "$suite: $about"
try 'doctor' '/venv/bin/vpsbench doctor --json'
try 'root, smoke, HTML' '/venv/bin/vpsbench run --profile smoke --db /tmp/root/a.db --json - | grep -q "\"verdict\""'
try 'nobody, smoke' 'setpriv --reuid 65534 --regid 65534 --clear-groups /venv/bin/vpsbench run --profile smoke --db /tmp/nobody/a.db --no-html'
try 'without fio' 'PATH=/nowhere /venv/bin/vpsbench run --profile smoke --set turns.cpu.duration=5 --db /tmp/bare/a.db --no-html'
try 'background, status, stop' '/venv/bin/vpsbench run --profile quick --duty 5 --db /tmp/back/a.db --no-html --background && /venv/bin/vpsbench status && /venv/bin/vpsbench stop'
try 'install-service without systemd says what to do' '/venv/bin/vpsbench install-service 2>&1 | grep -q @reboot'
try 'every report again' 'for db in /tmp/*/a.db; do /venv/bin/vpsbench report --db "$db" --quiet --json /tmp/a.json || exit; done'
inside rm -rf /tmp/root /tmp/nobody /tmp/bare /tmp/back /tmp/a.json
