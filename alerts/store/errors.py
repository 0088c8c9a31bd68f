"""What can go wrong with the operations database, divided by what the caller does next.

StoreError
  StoreUnavailable    wait and try again: locked, unreachable, disk full
  StoreMisfit         mend the configuration: wrong URL, a database newer than this program
  LeaseLost           end: another watch writes now
  RegistryMisfit      mend the registry: ids that clash or point nowhere
"""


class StoreError(Exception):
    """The operations database cannot do what was asked."""


class StoreUnavailable(StoreError):
    """Not now; nothing was written, so the same call may be made again."""


class StoreMisfit(StoreError):
    """Not with this configuration."""


class LeaseLost(StoreError):
    """Another watch has taken over this cell; this one must write nothing more."""


class RegistryMisfit(StoreError):
    """Not with this registry; the one before still holds."""
