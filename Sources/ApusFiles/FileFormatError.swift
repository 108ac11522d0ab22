#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that cannot be read or written, or does not hold what it should.
///
/// The description is one sentence for the person who owns the file, naming it:
/// `model.apus: tensor '0.weight' has the shape (3, 4); the model expects (4, 4).`
public struct FileFormatError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, for programs.
  public enum Kind: Hashable, Sendable, CaseIterable {
    // The file and the system.
    /// There is no such file or directory.
    case notFound
    /// The path names a directory.
    case isDirectory
    /// The path names a device, a pipe or a socket.
    case notARegularFile
    /// The file or its directory may not be read or written.
    case permissionDenied
    /// The disk or the user's share of it is full, or the file would be larger than is allowed.
    case diskFull
    /// The system cannot read the file, for another reason.
    case unreadable
    /// The system cannot write the file, for another reason.
    case unwritable

    // The bytes.
    /// The file holds nothing.
    case empty
    /// The file is of another format.
    case wrongFormat
    /// The file ends before it should.
    case truncated
    /// The file is of the format, and breaks its rules.
    case malformed
    /// The file uses something that Apus does not know, such as an element type.
    case unsupported
    /// The file or what it describes is larger than is allowed or possible.
    case tooLarge

    // The contents.
    /// The file describes a network that cannot be built.
    case invalidArchitecture
    /// The file does not belong to the model that it is read into.
    case doesNotFitModel
    /// What should be written cannot be held by the format.
    case notRepresentable
  }

  /// What is wrong, for programs.
  public let kind: Kind
  /// The file as it was named.
  public let path: String
  /// What was found and what was expected, as a clause.
  public let reason: String

  public init(_ kind: Kind, path: String, _ reason: String) {
    self.kind = kind
    self.path = path
    self.reason = reason
  }

  public var description: String { "\(shown(path, limit: 400)): \(reason)." }
}

/// What an operation wants to do with a file.
package enum FileAccess {
  case read, write
}

extension FileFormatError {
  /// The error that the system reports as `code`.
  package init(system code: Int32, _ access: FileAccess, path: String) {
    switch code {
    case ENOENT: self.init(.notFound, path: path, "there is no such file; check the path")
    case EISDIR: self.init(directory: path)
    case EACCES, EPERM, EROFS:
      let (what, why) = (access == .read ? "read" : "written", String(cString: strerror(code)))
      self.init(.permissionDenied, path: path, "the file may not be \(what) (\(why))")
    case ENOSPC, EDQUOT, EFBIG:
      self.init(.diskFull, path: path, "the file cannot be written (\(String(cString: strerror(code))))")
    default:
      let (kind, what): (Kind, String) = access == .read ? (.unreadable, "read") : (.unwritable, "written")
      self.init(kind, path: path, "the file cannot be \(what) (\(String(cString: strerror(code))))")
    }
  }

  package init(directory path: String) {
    self.init(.isDirectory, path: path, "this is a directory; name a file")
  }

  package init(irregular path: String) {
    self.init(.notARegularFile, path: path, "this is a device, a pipe or a socket; name a file")
  }
}

/// `text` on one line, control characters replaced and not much longer than `limit` characters: it comes from a file
/// that may hold anything.
package func shown(_ text: String, limit: Int = 60) -> String {
  var result = String.UnicodeScalarView()
  for (count, scalar) in text.unicodeScalars.enumerated() {
    if count == limit { return String(result) + "…" }
    switch scalar.properties.generalCategory {
    // Format characters may turn the direction of what follows.
    case .control, .format, .lineSeparator, .paragraphSeparator: result.append("\u{FFFD}")
    default: result.append(scalar)
    }
  }
  return String(result)
}

/// The first few of `names`, quoted.
package func list(_ names: [String], limit: Int = 5) -> String {
  let first = names.prefix(limit).map { "'\(shown($0))'" }.joined(separator: ", ")
  return names.count > limit ? "\(first) and \(names.count - limit) more" : first
}

/// "1 byte", "12 bytes".
package func bytes(_ count: some BinaryInteger) -> String { count == 1 ? "1 byte" : "\(count) bytes" }
