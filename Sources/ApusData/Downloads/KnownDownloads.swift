extension Download {
  /// MNIST's four files (LeCun et al., 1998), 11 MB. The checksums are those of the files as their authors published them.
  public static let mnist = Download(
    "mnist",
    [
      ("train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
      ("train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
      ("t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
      ("t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ].map { name, digits in
      File(
        name,
        from: [
          "https://ossci-datasets.s3.amazonaws.com/mnist/\(name)",
          "https://storage.googleapis.com/cvdf-datasets/mnist/\(name)",
        ], checksum: .sha256(digits))
    })

  /// Fashion-MNIST's four files (Xiao et al., 2017), 31 MB, with the checksums that their authors give.
  public static let fashionMNIST = Download(
    "fashion-mnist",
    [
      ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
      ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
      ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
      ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ].map { name, digits in
      File(name, from: ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/\(name)"], checksum: .md5(digits))
    })

  /// CIFAR-10's binary version (Krizhevsky, 2009), 162 MB, with the checksum that its author gives.
  public static let cifar10 = Download(
    "cifar-10",
    [
      File(
        "cifar-10-binary.tar.gz", from: ["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"],
        checksum: .md5("c32a1d4ab5d03f1284b67883e8d87530"), unpackedInto: "cifar-10-batches-bin")
    ])

  /// CIFAR-100's binary version (Krizhevsky, 2009), 161 MB, with the checksum that its author gives.
  public static let cifar100 = Download(
    "cifar-100",
    [
      File(
        "cifar-100-binary.tar.gz", from: ["https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"],
        checksum: .md5("03b5dce01913d631647c71ecec9e9cb8"), unpackedInto: "cifar-100-binary")
    ])
}

extension Dataset {
  /// MNIST (see ``mnist(directory:)``), downloaded at the first use.
  /// - Throws: as ``Download/fetch(into:)`` and ``mnist(directory:)``.
  public static func mnist() throws -> (training: Dataset, test: Dataset) {
    try mnist(directory: Download.mnist.fetch())
  }

  /// Fashion-MNIST (see ``fashionMNIST(directory:)``), downloaded at the first use.
  /// - Throws: as ``Download/fetch(into:)`` and ``fashionMNIST(directory:)``.
  public static func fashionMNIST() throws -> (training: Dataset, test: Dataset) {
    try fashionMNIST(directory: Download.fashionMNIST.fetch())
  }

  /// CIFAR-10 (see ``cifar10(directory:)``), downloaded at the first use.
  /// - Throws: as ``Download/fetch(into:)`` and ``cifar10(directory:)``.
  public static func cifar10() throws -> (training: Dataset, test: Dataset) {
    try cifar10(directory: Download.cifar10.fetch())
  }

  /// CIFAR-100 (see ``cifar100(directory:)``), downloaded at the first use.
  /// - Throws: as ``Download/fetch(into:)`` and ``cifar100(directory:)``.
  public static func cifar100() throws -> (training: Dataset, test: Dataset) {
    try cifar100(directory: Download.cifar100.fetch())
  }
}
