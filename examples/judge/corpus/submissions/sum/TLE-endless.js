// Never ends.
for (;;) {}
