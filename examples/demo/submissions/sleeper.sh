# Expected verdict: wall time limit
#
# Uses no CPU time at all, and would hold its place in the queue for an hour.
sleep 3600
