"""The watch, in a hurry to delete: retention and the journal's trimming each second, not each minute."""

from collector import tending, watch

watch.RETAIN_S = tending.AGE_S = tending.TEND_S = 1.0

if __name__ == "__main__":
    raise SystemExit(watch.main())
