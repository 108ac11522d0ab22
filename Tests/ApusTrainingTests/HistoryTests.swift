import ApusCore
import ApusNN
import Testing

@testable import ApusTraining

@Suite struct HistoryTests {
  private func history(_ csv: String) throws -> History { try History(csv: csv, source: "history.csv") }

  @Test func whatWasWrittenIsRead() throws {
    let data = Small.blobs()
    let trainer = Trainer(
      Small.network(2, 3), loss: .softmaxCrossEntropy, optimizer: SGD(learningRate: 0.1), metrics: [.accuracy])
    for validation in [nil, data] {
      let written = try trainer.fit(data, validation: validation, epochs: 3, progress: .silent)
      #expect(try history(written.csv) == written)
    }
    #expect(try history("epoch,loss\r\n1,nan\r\n").losses[0].isNaN)
  }

  @Test(
    arguments: [
      ("", "this is no history of a training"), ("a,b\n1,2\n", "no history"), ("epoch,loss,loss\n1,2,3", "no history"),
      ("epoch,loss\n", "there are no epochs"), ("epoch,loss\n1,2\n3\n", "line 3: 1 fields; expected 2"),
      ("epoch,loss\n1,x\n", "line 2: the field in column 'loss' is no number"),
      ("epoch,loss\n1.5,2\n", "line 2: the epoch's number or its loss is missing"),
      ("epoch,loss,m\n1,,2\n", "line 2: the epoch's number or its loss is missing"),
    ])
  func whatIsNoHistory(csv: String, part: String) {
    let error = #expect(throws: TrainingError.self) { try history(csv) }
    #expect(
      error?.description.hasPrefix("history.csv") == true && error?.description.contains(part) == true, "\(error!)")
  }

  @Test func damagedHistoriesAreRefusedOrRead() {
    let text = Array(
      "epoch,loss,accuracy,validation_loss,validation_accuracy,seconds\n1,0.5,0.9,,,1e-3\n2,1e3,0.8,0.1,0.7,2\n".utf8)
    var random = RandomSource(seed: 2)
    var refused = 0
    for _ in 0..<2000 {
      var bytes = text
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let characters = Array(",\n.e-019nai\u{1F}x".utf8)
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = characters.randomElement(using: &random)!
      }
      do { _ = try history(String(decoding: bytes, as: UTF8.self)) } catch { refused += 1 }
    }
    #expect(refused > 500 && refused < 2000)
  }
}
