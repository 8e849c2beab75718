# Expected verdict: runtime error (exit code)
#
# Looks for the judge's secrets: passwords, keys, home directories, other processes, the expected answers. It prints
# what it finds and exits with 0, which would be a wrong answer; when there is nothing to see it gives up with code 1.
found=0

for path in /etc/shadow /etc/gshadow /etc/ssh/ssh_host_* /root/* /root/.[a-z]* /home/* /mnt/* /media/* /srv/* \
  /var/log/* /var/lib/docker /run/docker.sock /run/secrets/* /run/user/* /tmp/* /var/tmp/* \
  /proc/1/root/etc/shadow /proc/1/cwd/* /proc/kcore /proc/kmsg /sys/fs/cgroup/*/* /dev/mem /dev/sd? /dev/vd? /dev/nvme*; do
  if [ -d "$path" ]; then content=$(ls -A "$path" 2>&1); else content=$(head -c 200 "$path" 2>/dev/null | tr -d '\0'); fi
  if [ -e "$path" ] && [ -n "$content" ]; then
    echo "found $path: $content"
    found=1
  fi
done

for process in /proc/[0-9]*; do
  [ "$process" = /proc/$$ ] && continue
  environment=$(head -c 4096 "$process/environ" 2>/dev/null | tr '\0' ' ')
  if [ -n "$environment" ]; then
    echo "found $process/environ: $environment"
    found=1
  fi
done

[ "$found" = 1 ]
