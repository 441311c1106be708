#!/bin/sh
# Builds a container around itself and runs the job in it. Called in new mount, process, host name, IPC and cgroup
# namespaces; all mounts end with them.
# Arguments: the root file system (left as it is), the scenario's folder, lxc or openvz, cgroup version.
set -e
rootfs=$1 folder=$2 kind=$3 version=$4
root=$folder/root
mkdir -p "$root" "$folder/upper" "$folder/work" "$folder/data"
mount -t overlay overlay -o "lowerdir=$rootfs,upperdir=$folder/upper,workdir=$folder/work" "$root"
mkdir -p "$root/job" "$root/data" "$root/.proc"
mount --bind "$folder/job" "$root/job"
mount --bind "$folder/data" "$root/data"
mount -t sysfs -o ro sys "$root/sys"
if [ "$version" = 2 ]; then
  mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
else
  mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
  for controller in cpu memory; do
    mkdir "$root/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "$root/sys/fs/cgroup/$controller"
  done
fi
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm"
mount -t tmpfs shm "$root/dev/shm"
mount -t tmpfs run "$root/run"
if [ "$kind" = openvz ]; then
  # No file can be added to /proc itself: a folder of links to a real one, and OpenVZ's files beside them.
  mount -t proc proc "$root/.proc"
  mount -t tmpfs -o mode=755 proc "$root/proc"
  for entry in "$root"/.proc/[!0-9]*; do ln -s "/.proc/${entry##*/}" "$root/proc/"; done
  (cd "$root/proc" && seq 1 3000 | xargs -I{} ln -s /.proc/{} {})
  mkdir "$root/proc/vz"
  cp "$folder/user_beancounters" "$root/proc/"
else
  mount -t proc proc "$root/proc"
  export container=lxc
fi
hostname lab
export LAB_CONSOLE=/dev/fd/3
exec chroot "$root" /bin/sh -c '
  cd /job; export HOME=/root LANG=C.UTF-8
  sh ./job.sh 3>&1 > out/log.txt 2>&1 < /dev/null
  echo "$?" > out/status'
