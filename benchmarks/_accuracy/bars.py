"""Published figures of public sets, to be printed beside ours. Per cent balanced accuracy (BOA)."""

BARS: dict[str, tuple[str, ...]] = {
    "pixbox-s2": (
        # its own notebook; mixed and border pixels count as cloud
        "OmniCloudMask 1.7.0, the 28 scenes that can be downloaded: clear 92.35, cloud 91.60, shadow 82.07",
        "OmniCloudMask, paper, 29 scenes: clear 92.2, cloud 91.2, shadow 80.5",
        "CloudS2Mask, 29 scenes: clear 91.6, cloud 91.3, shadow 78.4",
        "UNetMobV2, 29 scenes: clear 90.8, cloud 90.4, shadow 78.8",
    ),
    "cloudsen12plus": (
        # pooled pixels, a run by others than its authors
        "OmniCloudMask 1.7.0, test split, 975 patches: clear 94.32, cloud 93.91, shadow 88.02",
        "UNetMobV2 (13 bands), CloudSEN12 of 2022, median over patches: cloud 92.0, shadow 89.0",
    ),
    "chips": (),
}
