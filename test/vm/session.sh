#!/bin/sh
# PID 1 of the guest, once its root is the host's: makes of a bare kernel what a machine looks like to a program, runs
# /run/vm/command.sh with its output on the second serial port and its exit status on the third.
#
# The root is read-only. What can be written to: /tmp, /run and /dev/shm in memory, and /var/tmp, an ext4 of its own on a
# disk (vda). TMPDIR is the latter: Linux 6.1 has no idmapped mounts and no user extended attributes on tmpfs, and none of
# the two on virtiofs, so that neither can be a layer or an upper directory there. vdb is swap; vdc, a slow disk, has the
# BFQ scheduler, which knows weights.
#
# A kernel that panics ends the machine without a status.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
OUTPUT=/dev/ttyS1
STATUS=/dev/ttyS2
ROOT=$(sed -n 's/^ROOT=//p' /run/vm/command.sh | tr -d "'")

end() {
  stty -F $STATUS raw -echo
  echo "$1" >$STATUS
  echo o >/proc/sysrq-trigger
  while :; do :; done
}

fail() {
  echo "cofferdam-vm: $1"
  end 125
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
# An arm64 board's own port has another name, so the others have lower numbers (machine.ts).
[ ! -c /dev/ttyAMA0 ] || OUTPUT=/dev/ttyS0 STATUS=/dev/ttyS1
mount --make-rshared / # as systemd leaves it on any host
mkdir -p /dev/pts /dev/shm /run/vm/checkout
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts || fail '/dev/pts'
mount -t tmpfs -o mode=1777 tmpfs /dev/shm || fail '/dev/shm'
ln -s /proc/self/fd /dev/fd && ln -s fd/0 /dev/stdin && ln -s fd/1 /dev/stdout && ln -s fd/2 /dev/stderr

# A checkout below one of these would be hidden by them.
case $ROOT in /tmp/* | /var/tmp/*) mount --bind "$ROOT" /run/vm/checkout ;; esac
mount -t tmpfs -o mode=1777 tmpfs /tmp || fail '/tmp'
mount -t ext4 -o noatime /dev/vda /var/tmp || fail '/var/tmp'
chmod 1777 /var/tmp
case $ROOT in
  /tmp/* | /var/tmp/*) mkdir -p "$ROOT" && mount --bind /run/vm/checkout "$ROOT" && umount /run/vm/checkout ;;
esac
for directory in /run/vm/compiled/*; do
  [ ! -d "$ROOT/${directory##*/}" ] || mount --bind "$directory" "$ROOT/${directory##*/}" || fail "$directory"
done
swapon /dev/vdb || fail 'swap'
mkdir /run/slow && mount -t ext4 -o noatime /dev/vdc /run/slow || fail 'the slow disk'
echo bfq >/sys/block/vdc/queue/scheduler || fail 'BFQ'
# Whatever is new would outweigh all weights for seconds; and a reader in an emulator is slow to ask for more.
cd /sys/block/vdc/queue/iosched && echo 0 >low_latency && echo 1 >strict_guarantees && echo 100 >slice_idle || fail 'BFQ'

mount -t cgroup2 cgroup2 /sys/fs/cgroup || fail 'cgroup2'
ip link set lo up || ifconfig lo up || fail 'loopback'
hostname cofferdam-vm 2>/dev/null || echo cofferdam-vm >/proc/sys/kernel/hostname
stty -F $OUTPUT raw -echo

ulimit -Hn 524288 && ulimit -Sn 1024 # systemd's, too
# A session of its own, and no terminal: as in CI. PID 1 reaps what the command leaves behind.
{
  setsid sh /run/vm/command.sh </dev/null 2>&1
  echo $? >/run/vm/status
} | cat >$OUTPUT
read -r status </run/vm/status || status=125
end "$status"
