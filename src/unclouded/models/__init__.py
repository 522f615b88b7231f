"""Networks, one file each: `Config` and `build`. Needs torch; reads and writes nothing."""
