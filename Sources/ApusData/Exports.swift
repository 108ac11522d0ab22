// The errors of files belong to the interface of what reads them.
@_exported import ApusFiles
