#!/bin/sh
# The lab's init: no systemd. Disks: vda root, vdb the job (tar), vdc the results (tar), vdd the disk to be tested.
# Lines that begin with LAB are for the lab outside, each with /proc/uptime, so that it can lay both clocks together.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
say() { echo "LAB $1 $(cut -d' ' -f1 /proc/uptime)" > /dev/console; }
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs run /run
mount -t cgroup2 cgroup /sys/fs/cgroup
[ -d /proc/xen ] && mount -t xenfs xen /proc/xen
ip link set lo up
hostname lab
for module in virtio_balloon rtc_cmos; do modprobe -q "$module"; done
mkdir -p /job /data
tar -xf /dev/vdb -C /job
mount -t ext4 -o noatime /dev/vdd /data || say warning-no-data-disk
say ready
cd /job && sh ./job.sh > /job/out/log.txt 2>&1 < /dev/null
echo "$?" > /job/out/status
say done
tar -cf /dev/vdc -C /job/out .
sync
echo o > /proc/sysrq-trigger
sleep 60
