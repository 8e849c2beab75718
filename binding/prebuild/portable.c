// Stand-ins, hidden in a prebuilt addon, for what the C library of the machine that builds it has and an older or
// another one has not: glibc before 2.33, and musl. Everything else that the addon calls, and the archives of gcc's
// runtime in it, both have had for long. What is missing here and newer than that is an error of the linker
// (libc-stub.ts).
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// glibc has these as functions from 2.33 on, musl always. The kernel's structures are the C libraries' own on both
// processors.

int stat(const char *restrict path, struct stat *restrict result) {
  return (int)syscall(SYS_newfstatat, AT_FDCWD, path, result, 0);
}

int fstat(int fd, struct stat *result) {
  return (int)syscall(SYS_fstat, fd, result);
}

int mknodat(int directory, const char *path, mode_t mode, dev_t device) {
  // The kernel takes 32 bits of it, in the order that makedev() gives them.
  return (int)syscall(SYS_mknodat, directory, path, mode, (unsigned)device);
}

// A function of glibc alone (makedev(3) is a macro for it there).
dev_t gnu_dev_makedev(unsigned major, unsigned minor) {
  return ((dev_t)(major & 0xfffff000u) << 32) | ((dev_t)(major & 0xfffu) << 8) | ((dev_t)(minor & 0xffffff00u) << 12) |
         (minor & 0xffu);
}

// Whether there is one thread only, so that reference counts need not be atomic (glibc 2.32). Node has several.
char __libc_single_threaded = 0;

// gcc's atomics for arm64 ask so which instructions there are; in musl it is getauxval() alone.
unsigned long __getauxval(unsigned long type) {
  return getauxval(type);
}

// What _FORTIFY_SOURCE calls; glibc alone has them.

_Noreturn static void overflow(void) {
  static const char text[] = "cofferdam: a buffer overflow was detected\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) abort();
  abort();
}

int __snprintf_chk(char *buffer, size_t size, int flag, size_t room, const char *format, ...) {
  (void)flag;
  if (size > room) overflow();
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(buffer, size, format, arguments);
  va_end(arguments);
  return length;
}

// open() without the mode that its flags ask for.
int __open_2(const char *path, int flags) {
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) overflow();
  return open(path, flags);
}

// CMSG_NXTHDR() in a translation unit that does not inline it.
struct cmsghdr *__cmsg_nxthdr(struct msghdr *message, struct cmsghdr *header) {
  if (header->cmsg_len < sizeof *header) return NULL;
  const size_t left = (size_t)((char *)message->msg_control + message->msg_controllen - (char *)header);
  const size_t step = CMSG_ALIGN(header->cmsg_len);
  if (left < step + sizeof *header) return NULL;
  struct cmsghdr *next = (struct cmsghdr *)((char *)header + step);
  return left < step + CMSG_ALIGN(next->cmsg_len) ? NULL : next;
}

// The C++ library's thread_local destructors. glibc's takes the object into account, so that it is not unloaded before;
// this one is never unloaded (-z nodelete).

struct destructor {
  struct destructor *next;
  void (*function)(void *);
  void *object;
};

static pthread_key_t destructors;
static pthread_once_t destructors_made = PTHREAD_ONCE_INIT;

static void run_destructors(void *list) {
  struct destructor *first = list;
  while (first != NULL) {
    struct destructor *next = first->next;
    first->function(first->object);
    free(first);
    first = next;
  }
}

static void make_destructors(void) {
  if (pthread_key_create(&destructors, run_destructors) != 0) abort();
}

int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *library) {
  (void)library;
  if (pthread_once(&destructors_made, make_destructors) != 0) return -1;
  struct destructor *entry = malloc(sizeof *entry);
  if (entry == NULL) return -1;
  *entry = (struct destructor){pthread_getspecific(destructors), function, object};
  if (pthread_setspecific(destructors, entry) == 0) return 0;
  free(entry);
  return -1;
}

// Where gcc's unwinder finds the frames of an address: glibc from 2.35 on; everywhere else by dl_iterate_phdr().

struct frames {
  ElfW(Addr) address;
  struct dl_find_object *found;
};

static int is_in(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  struct frames *frames = data;
  const ElfW(Phdr) *holder = NULL, *eh_frame = NULL;
  for (size_t i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    const ElfW(Addr) offset = frames->address - info->dlpi_addr - segment->p_vaddr;
    if (segment->p_type == PT_LOAD && offset < segment->p_memsz) holder = segment;
    if (segment->p_type == PT_GNU_EH_FRAME) eh_frame = segment;
  }
  if (holder == NULL || eh_frame == NULL) return 0;
  frames->found->dlfo_map_start = (void *)(info->dlpi_addr + holder->p_vaddr);
  frames->found->dlfo_map_end = (void *)(info->dlpi_addr + holder->p_vaddr + holder->p_memsz);
  frames->found->dlfo_eh_frame = (void *)(info->dlpi_addr + eh_frame->p_vaddr);
  return 1;
}

int _dl_find_object(void *address, struct dl_find_object *result) {
  memset(result, 0, sizeof *result);
  struct frames frames = {(ElfW(Addr))address, result};
  return dl_iterate_phdr(is_in, &frames) == 1 ? 0 : -1;
}
