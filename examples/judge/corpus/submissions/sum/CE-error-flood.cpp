// Each line includes this file twice again: the compiler's complaints have no end.
#ifndef DEPTH
#define DEPTH 0
#endif
#if __INCLUDE_LEVEL__ < 16
#warning flood flood flood flood flood flood flood flood flood flood flood flood flood flood flood flood flood flood
#include __FILE__
#include __FILE__
#endif
#error end
