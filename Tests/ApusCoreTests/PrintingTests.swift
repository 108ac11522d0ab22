import ApusCore
import Testing

@Suite struct PrintingTests {
  @Test func numbersOfOneTensorShareAFormat() {
    #expect("\(Tensor([1, 2.5, -3] as [Float]))" == "float32(3,) [ 1.0000  2.5000 -3.0000]")
    #expect("\(Tensor([1, 2, 10] as [Float]))" == "float32(3,) [ 1.0  2.0 10.0]")
    #expect("\(Tensor([1, -200] as [Int32]))" == "int32(2,) [   1 -200]")
    #expect("\(Tensor([1e-7, 2] as [Double]))" == "float64(2,) [1.0000e-07 2.0000e+00]")
  }

  @Test func matricesHaveARowPerLine() {
    #expect(
      "\(Tensor([[1, 2], [3, 40]] as [[Float]]))" == """
        float32(2, 2)
        [[ 1.0  2.0]
         [ 3.0 40.0]]
        """)
  }

  @Test func moreAxesAreSeparatedByAnEmptyLine() {
    #expect(
      "\(Tensor.range(0..<8).reshaped([2, 2, 2]))" == """
        int64(2, 2, 2)
        [[[0 1]
          [2 3]]

         [[4 5]
          [6 7]]]
        """)
  }

  @Test func longAxesAreCut() {
    #expect("\(Tensor.range(0..<100))" == "int64(100,) [ 0  1  2 … 97 98 99]")
    #expect("\(Tensor.range(0..<8))" == "int64(8,) [0 1 2 3 4 5 6 7]")
    #expect(
      "\(Tensor.range(0..<18).reshaped([9, 2]))" == """
        int64(9, 2)
        [[ 0  1]
         [ 2  3]
         [ 4  5]
         …
         [12 13]
         [14 15]
         [16 17]]
        """)
  }

  @Test func specialValues() {
    #expect("\(Tensor([Float.nan, .infinity, -.infinity, 1]))" == "float32(4,) [ nan  inf -inf  1.0]")
    #expect("\(Tensor([true, false]))" == "bool(2,) [ true false]")
    #expect("\(Tensor(2.5 as Float))" == "float32() 2.5000")
    #expect("\(Tensor([] as [Float]))" == "float32(0,) []")
    #expect("\(Tensor.zeros([2, 0, 3]))" == "float32(2, 0, 3) []")
  }

  @Test func wideIntegersKeepEveryDigit() {
    #expect("\(Tensor([Int64.max, 1]))" == "int64(2,) [9223372036854775807                   1]")
  }

  @Test func viewsPrintWhatTheyShow() {
    let x = Tensor([[1, 2], [3, 4]] as [[Int32]])
    #expect("\(x.transposed())" == "int32(2, 2)\n[[1 3]\n [2 4]]")
    #expect("\(x[.reversed, 0])" == "int32(2,) [3 1]")
  }

  @Test func formattingIsIndependentOfLocale() {
    #expect(1234.5.formatted(precision: 2) == "1234.50")
    #expect(0.00012.formatted("e", precision: 1) == "1.2e-04")
    #expect(0.5.formatted("g", precision: 3) == "0.5")
  }
}
