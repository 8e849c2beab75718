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
# Of another architecture its own userland is the root, with the checkout where the host has it.
eval "$(grep -E '^(ROOT|GUEST)=' /command.sh)"
NEW=/host
if [ "$GUEST" != / ]; then
  NEW=/guest
  mkdir /guest
  mount --bind "/host$GUEST" /guest
  mount --bind "/host$ROOT" "/guest$ROOT" || echo "cofferdam-vm: the checkout cannot be mounted"
fi
# Emptied by switch_root, as any initramfs is; so the scripts go where the new root has a place in memory.
mount -t tmpfs -o mode=755 tmpfs $NEW/run
mkdir $NEW/run/vm
cp -r /session.sh /command.sh /compiled $NEW/run/vm/
umount /proc /sys /dev
exec switch_root $NEW /bin/sh /run/vm/session.sh
