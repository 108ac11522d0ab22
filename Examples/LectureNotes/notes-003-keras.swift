// 003: the network that the notes write in Keras. Sequential; compile is the trainer's initialiser; fit and evaluate are its methods.

import Apus

let digits = try Dataset.digits()
let (rest, test) = digits.replacing(features: digits.features / 16).split(testFraction: 0.2, seed: 1)
let (train, validation) = rest.split(testFraction: 0.2, seed: 1)

let model = withSeed(0) {
  Sequential {
    Dense(64, 64, activation: .relu)
    Dropout(0.5)
    Dense(64, 64, activation: .relu)
    Dropout(0.5)
    Dense(64, 10)  // logits: the softmax is in the loss
  }
}
print(try model.summary(inputShape: [1, 64]))

// model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
let trainer = Trainer(
  model, loss: .softmaxCrossEntropy, optimizer: RMSprop(learningRate: 1e-3), metrics: [.accuracy])

// model.fit(x_train, y_train, epochs=20, batch_size=128, validation_data=(x_val, y_val))
let history = try trainer.fit(train, validation: validation, epochs: 20, batchSize: 32, progress: .silent)
for epoch in history.epochs where epoch.number % 5 == 0 || epoch.number == 1 {
  print(
    "epoch", epoch.number, "loss", epoch.loss, "accuracy", epoch.metrics["accuracy"]!, "val_loss",
    epoch.validationLoss!, "val_accuracy", epoch.validationMetrics["accuracy"]!)
}

// score = model.evaluate(x_test, y_test)
let score = try trainer.evaluate(test)
print("test loss", score.loss, "test accuracy", score.metrics["accuracy"]!)
