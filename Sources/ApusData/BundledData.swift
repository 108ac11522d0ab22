import CApusDatasets

/// The data sets that travel inside the library.
///
/// They are scikit-learn's, sample by sample; see `Sources/CApusDatasets/README.md` for sources and licences.
public enum BundledData: String, CaseIterable, Sendable {
  /// 150 iris flowers: 4 lengths and widths, 3 species.
  case iris
  /// 178 wines: 13 chemical measurements, 3 cultivars.
  case wine
  /// 569 tumours: 30 measurements of cell nuclei, malignant (code 0) or benign (1).
  case breastCancer = "breast_cancer"
  /// 1797 handwritten digits: 8 x 8 pixels from 0 to 16, row by row, and the digit.
  case digits

  /// The data set: numeric features, and last the categories to be learnt.
  public var table: Table {
    let sets = UnsafeBufferPointer(start: apus_datasets(), count: apus_dataset_count())
    guard let set = sets.first(where: { String(cString: $0.name) == rawValue }) else {
      fatalError("the library was built without the data set '\(rawValue)'")
    }
    let bytes = UnsafeBufferPointer(start: set.bytes, count: set.count)
    let options = CSVOptions(header: .present, separator: .comma, textColumns: self == .digits ? ["digit"] : [])
    do {
      return try Table(csv: bytes, name: rawValue + ".csv", options: options)
    } catch {
      fatalError("the bundled data set is damaged: \(error)")
    }
  }
}
