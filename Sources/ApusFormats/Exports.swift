// The errors and the JSON of these formats belong to their interface.
@_exported import ApusFiles
