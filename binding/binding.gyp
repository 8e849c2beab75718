{
  "variables": { "sanitize%": "none" },
  "targets": [
    {
      "target_name": "cofferdam",
      "sources": [
        "addon.cc", "at_once.cc", "cgroup.cc", "channel.cc", "detached.cc", "devices.cc", "host_probe.cc", "id_map.cc",
        "init_image.cc", "janitor.cc", "launch.cc", "map_writers.cc", "newborn.cc", "orphans.cc", "remove_tree.cc",
        "request.cc", "seat.cc",
        "small_namespace.cc", "spawner.cc", "stdio.cc", "stock.cc", "stock_key.cc", "trees.cc",
        "watcher.cc", "watcher_events.cc", "watcher_streams.cc", "watcher_terminal.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "_GNU_SOURCE"],
      "actions": [
        {
          "action_name": "build_init",
          "inputs": [
            "init/build.sh", "init/init.c", "init/boot.c", "init/channel.c", "init/masks.c", "init/mounts.c", "init/paths.c",
            "init/command.c", "init/exec.c", "init/fresh.c", "init/landlock.c", "init/parked.c", "init/terminal.c",
            "init/supervise.c", "init/violation.c", "init/janitor.c",
            "init/command.h", "init/init.h", "init/mounts.h", "init/sys.h", "init/wire.h", "init/steps.def"
          ],
          "outputs": ["<(SHARED_INTERMEDIATE_DIR)/cofferdam_init.S"],
          "process_outputs_as_sources": 1,
          "action": [
            "sh", "init/build.sh", "<(SHARED_INTERMEDIATE_DIR)/cofferdam-init", "<@(_outputs)"
          ]
        }
      ],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags": [
        "-Wall", "-Wextra", "-Werror",
        "-fvisibility=hidden", "-fstack-protector-strong", "-O2"
      ],
      "cflags_cc": ["-std=c++17"],
      "ldflags": ["-Wl,-z,relro,-z,now,-z,nodelete", "-Wl,--exclude-libs,ALL"],
      "conditions": [
        ["sanitize!='none'", {
          "cflags": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-g"],
          "ldflags": ["-fsanitize=<(sanitize)"]
        }]
      ]
    }
  ]
}
