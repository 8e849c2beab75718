# Expected verdict: runtime error (exit code)
#
# Looks for the judge's secrets: passwords, keys, home directories, other processes, the expected answers. It prints
# what it finds and exits with 0, which would be a wrong answer; when there is nothing to see it gives up with code 1.
result=1

report() {
  echo "found $1: $2"
  result=0
}

for path in /etc/shadow /etc/gshadow /etc/ssh/ssh_host_* /root/* /root/.[a-z]* /home/* /mnt/* /media/* /srv/* \
  /var/log/* /var/lib/docker /run/docker.sock /run/secrets/* /run/user/* /tmp/* /var/tmp/* /sys/fs/cgroup/*/* \
  /proc/1/root/etc/shadow /proc/1/cwd/* /proc/kcore /proc/kmsg /dev/mem /dev/sd? /dev/vd? /dev/nvme*; do
  [ -e "$path" ] || continue
  if [ -d "$path" ]; then
    content=$(ls -A "$path")
  else
    content=$(head -c 100 "$path" | tr -d '\0')
  fi
  [ -z "$content" ] || report "$path" "$content"
done

for process in /proc/[0-9]*; do
  [ "$process" != "/proc/$$" ] || continue
  environment=$(head -c 100 "$process/environ" | tr '\0' ' ')
  [ -z "$environment" ] || report "$process/environ" "$environment"
done

exit "$result"
