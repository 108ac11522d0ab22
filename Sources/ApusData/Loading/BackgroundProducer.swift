#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Values that a thread of its own makes one after the other, at most a few ahead of whoever takes them.
///
/// A thread and not a task: it waits for room in the queue, and tasks that wait hold up others, in the end those that would make room.
final class BackgroundProducer<Value: Sendable> {
  private let queue: BoundedQueue<Value>
  private let thread: pthread_t?
  /// What to do instead where no thread can be started.
  private let make: @Sendable (Int) throws -> Value
  private var position = 0
  private let count: Int

  /// - Parameters:
  ///   - count: the number of values.
  ///   - ahead: how many may wait to be taken; at least 1.
  ///   - make: makes the value of a number from 0 to `count` - 1; called in their order, and not again after it has thrown.
  init(count: Int, ahead: Int, make: @escaping @Sendable (Int) throws -> Value) {
    let queue = BoundedQueue<Value>(capacity: ahead)
    self.queue = queue
    self.make = make
    self.count = count
    thread = startThread {
      for number in 0..<count {
        let value = Result { try make(number) }
        guard queue.put(value), case .success = value else { return }
      }
    }
  }

  /// Ends the thread, after the value that it is making.
  deinit {
    queue.close()
    if let thread { pthread_join(thread, nil) }
  }

  /// The next value; nil after the last.
  func next() throws -> Value? {
    guard position < count else { return nil }
    let value = thread == nil ? Result { try make(position) } : queue.take()
    position += 1
    if case .failure = value { position = count }
    return try value.get()
  }
}

/// A queue between two threads that holds up who puts more than it has room for, and who takes from it while it is empty.
private final class BoundedQueue<Value: Sendable>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let capacity: Int
  private var values: [Result<Value, any Error>] = []
  private var isClosed = false

  init(capacity: Int) {
    self.capacity = max(1, capacity)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// Waits for room; returns false if nobody will take the value.
  func put(_ value: Result<Value, any Error>) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while values.count == capacity && !isClosed { pthread_cond_wait(changed, mutex) }
    if isClosed { return false }
    values.append(value)
    pthread_cond_signal(changed)
    return true
  }

  /// Waits for a value.
  func take() -> Result<Value, any Error> {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while values.isEmpty { pthread_cond_wait(changed, mutex) }
    pthread_cond_signal(changed)
    return values.removeFirst()
  }

  func close() {
    pthread_mutex_lock(mutex)
    isClosed = true
    pthread_cond_signal(changed)
    pthread_mutex_unlock(mutex)
  }
}

/// Runs `body` on a new thread; nil if the system has none left.
private func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
  final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }
  let context = Unmanaged.passRetained(Body(body))
  #if canImport(Darwin)
    var thread: pthread_t?
    let code = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
  #else
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
  #endif
  guard code == 0 else {
    context.release()
    return nil
  }
  return thread
}
