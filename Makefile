# Every target installs what is missing first (Debian and Ubuntu), then does its job.
SWIFT_SOURCES = Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources \
  Examples/Package.swift Examples/Sources Examples/LectureNotes Examples/Tests

.PHONY: demo build test checklist bench docs format lint install-prerequisites

# Trains a network on handwritten digits and shows how well it reads.
demo: build
	.build/release/apus train digits --seed 1

build: install-prerequisites
	swift build -c release --product apus --static-swift-stdlib

# The library and the examples.
test: install-prerequisites
	Scripts/test.sh

# Says for every row of docs/checklist.md whether a test covers it.
checklist: install-prerequisites
	Scripts/checklist.sh

# Makes the pages of docs/ that are made from the code.
docs: install-prerequisites
	APUS_WRITE_DOCUMENTS=1 swift test -c release -Xswiftc -enable-testing --scratch-path .build/tests --filter DocumentTests

# Prints the README's figures, beside every other framework that is installed (see Scripts/bench.sh).
bench: build
	Scripts/bench.sh

format:
	swift format --in-place --recursive --parallel $(SWIFT_SOURCES)

lint:
	swift format lint --strict --recursive --parallel $(SWIFT_SOURCES)

install-prerequisites:
	@Scripts/prerequisites.sh
