"""Counting what happens: in the memory of one process, or in files that the processes of a machine share."""

from coinpurse.counting.counts import Counts, collect, counts, keep_in
from coinpurse.counting.files import Folder, folder_of

__all__ = ["Counts", "Folder", "collect", "counts", "folder_of", "keep_in"]
