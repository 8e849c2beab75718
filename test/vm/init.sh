#!/bin/busybox sh
# The first program of the guest, in its initramfs: loads the modules, mounts the host's root read-only over virtiofs and
# goes there. What follows is session.sh, with the host's own tools. Needs nothing but busybox and /modules.
/bin/busybox mkdir -p /proc /sys /dev /host
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

for module in /modules/*; do
  insmod "$module" || echo "cofferdam-vm: $module does not load"
done

if ! mount -t virtiofs -o ro host /host; then
  echo "cofferdam-vm: the host's root cannot be mounted"
  poweroff -f
fi
# Emptied by switch_root, as any initramfs is; so the scripts go where the new root has a place in memory.
mount -t tmpfs -o mode=755 tmpfs /host/run
mkdir /host/run/vm
cp -r /session.sh /command.sh /compiled /host/run/vm/
umount /proc /sys /dev
exec switch_root /host /bin/sh /run/vm/session.sh
