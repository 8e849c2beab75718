# Expected verdict: accepted
#
# Kadane's algorithm in nothing but the shell's own arithmetic.
read -r n
read -r best
ending_here=$best
while read -r number; do
  ending_here=$((ending_here > 0 ? ending_here + number : number))
  best=$((ending_here > best ? ending_here : best))
done
echo "$best"
