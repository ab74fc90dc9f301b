"""Users in bulk: taken over from files of other systems and of our own, and written out again.

A file is read twice: once to find everything that is wrong with it, and, if nothing is, once to create its users. Each
format has a module that turns its entries into rows; what a row may hold, and what it becomes, is the same for all.
Memory does not grow with the file, but for some bytes a row that find names given twice.
"""

from authserver.accounts.transfer.exporting import Exported, export_csv, export_lines
from authserver.accounts.transfer.formats import FORMATS, Format, UserFile
from authserver.accounts.transfer.importing import Import, Outcome, Report

__all__ = [
    "FORMATS",
    "Exported",
    "Format",
    "Import",
    "Outcome",
    "Report",
    "UserFile",
    "export_csv",
    "export_lines",
]
