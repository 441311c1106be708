#!/bin/busybox sh
# First program of a lab guest: loads what the root disk needs, in the order of /modules, and goes there.
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/lib/$module" || echo "LAB warning: $module was not loaded"; done < /modules
while [ ! -b /dev/vda ]; do sleep 0.1; done
mount -t ext4 -o noatime /dev/vda /root
mount --move /dev /root/dev
umount /proc /sys
exec switch_root /root /lab-init
