n, *parents = map(int, open(0).read().split())
depth = [0, 1]
for parent in parents:
    depth.append(depth[parent] + 1)
print(max(depth))
