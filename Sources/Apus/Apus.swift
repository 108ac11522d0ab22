// One import for everything.
@_exported import ApusCore
@_exported import ApusData
@_exported import ApusExplain
@_exported import ApusFiles
@_exported import ApusFormats
@_exported import ApusImages
@_exported import ApusModels
@_exported import ApusNN
@_exported import ApusPlot
@_exported import ApusTraining
