# Expected verdict: output limit
#
# Fills the judge's memory, or its disk, with answers.
while :; do
  echo 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6 6
done
