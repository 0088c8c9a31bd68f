"""The watch, in a hurry to delete: retention and the journal's trimming each second, not each minute."""

from collector import watch

watch.TRIM_S = watch.RETAIN_S = watch.TEND_S = 1.0

if __name__ == "__main__":
    raise SystemExit(watch.main())
