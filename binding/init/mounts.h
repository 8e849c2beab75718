/* The mount operations behind boot: each returns 0 or -errno. */
#ifndef COFFERDAM_MOUNTS_H
#define COFFERDAM_MOUNTS_H

#include "sys.h"
#include "wire.h"

/* What a mount is taken from: a descriptor lent by the addon, or a path in our copy of the host's mounts. */
struct source {
  uint32_t tree;
  const char *path;
  uint32_t tree_flags;
  uint32_t attrs;
};

long mount_private(void);
long mount_stage(uint64_t size, uint32_t inodes, const char *at);
long mount_layer(const struct source *source);
long mount_upper(const struct source *source, const char *upper, const char *work);
long mount_root(uint32_t kind, const struct source *source, uint32_t *step); /* *step: LAYER if there is no source */
long mount_proc(const char *target);
long mount_tmpfs(const char *target, uint64_t size, uint32_t inodes, uint32_t mode, uint32_t attrs);
long mount_scratch(const char *target, uint32_t mode, uint32_t attrs);
long mount_devpts(const char *target, const char *options);
long mount_mqueue(const char *target);
long mount_bind(const struct source *source, const char *target, uint32_t *step); /* *step: which of the two failed */
long mount_mask(const char *path);
long mount_readonly(const char *path);
long mount_seal(void);
long mount_place(const char *target);
long mount_switch(uint32_t kind);

/* What the parts share; owned by mounts.c, -1 where there is none. */
extern int stage;         /* the stage's root */
extern int new_root;      /* the new root, or the kit until there is one */
extern int scratch_count; /* directories made in the stage so far: their names */
long mount_set_attributes(int mount, uint64_t attrs, int recursive);
long mount_move_onto(int mount, int target);

/* masks.c: a /proc that was just mounted, until anything else is mounted */
void masks_remember_proc(const char *target);
void masks_forget_proc(void);
void masks_finish(void);

/* paths.c */
long path_open(const char *path, uint64_t flags);
long path_open_target(const char *target, int directory); /* made as an empty file or directory where it is missing */
long path_is_directory(int fd);
long make_directory(const char *target, uint32_t mode);
long make_file(const char *target, uint32_t mode, const uint8_t *content, uint32_t size);
long make_symlink(const char *target, const char *path);

#endif
