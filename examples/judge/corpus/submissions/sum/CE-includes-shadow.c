// The message may not show a line of it.
#include "/etc/shadow"

int main(void) {}
