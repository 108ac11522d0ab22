"""A plain byte pair encoding, which counts everything anew for each merge: its merges and the tokens of some texts.

Run with Python 3 in this directory: python make_byte_pairs.py
"""

import json
import re

TEXT = """The swift spends nearly all of its life in the air: it eats, drinks, sleeps and even mates in flight. Swifts do not
land on the ground; their legs are short, and from the ground they could hardly take off again. In 2016 a study found that common
swifts stay in the air for up to 10 months of the year, and a single bird may fly 200,000 km in one year -- without landing!

Apus apus, der Mauersegler, fliegt über Städte und Dörfer; il rondone, le martinet noir, el vencejo común, アマツバメ.
   Indented lines,\ttabs,   and trailing blanks   \r
def swift(wings=2, speed_km_h=111.6): return {"wings": wings, "speed": speed_km_h}
aaaa aaaaa aaaaaa bbbb abababab ababab
"""

SAMPLES = [
    "", " ", "   ", "a", "The swift", "swifts fly in the air", " the the  the", "aaaaaaa", "ababa", "x = 10 + 200,000;", "\n\n\t ",
    "über Städte", "アマツバメ", "日本", "🐦‍⬛ swift", "é e\u0301", "\x00\x7f", TEXT[100:300],
]

# One blank and a run of letters (bytes from 128 are letters), of digits or of others; or blanks, the last of which is left to what follows.
PIECE = re.compile(
    rb" ?[A-Za-z\x80-\xff]+| ?[0-9]+| ?[^A-Za-z\x80-\xff0-9 \t\n\v\f\r]+|[ \t\n\v\f\r]+(?= [^ \t\n\v\f\r])|[ \t\n\v\f\r]+"
)


def pieces(text):
    found = PIECE.findall(text.encode())
    assert b"".join(found) == text.encode()
    return found


def merge(tokens, pair, new):
    result, i = [], 0
    while i < len(tokens):
        if tuple(tokens[i : i + 2]) == pair:
            result.append(new)
            i += 2
        else:
            result.append(tokens[i])
            i += 1
    return result


def train(text, size):
    words = [list(piece) for piece in pieces(text)]
    merges = []
    while 256 + len(merges) < size:
        counts = {}
        for word in words:
            for pair in zip(word, word[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[pair] < 2:
            break
        words = [merge(word, pair, 256 + len(merges)) for word in words]
        merges.append(pair)
    return merges


def encode(text, merges):
    tokens = []
    for piece in pieces(text):
        word = list(piece)
        for number, pair in enumerate(merges):  # in the order in which they were learnt
            word = merge(word, pair, 256 + number)
        tokens += word
    return tokens


merges = train(TEXT, 2000)
json.dump(
    {
        "text": TEXT,
        "merges": [list(pair) for pair in merges],
        "samples": [{"text": text, "tokens": encode(text, merges)} for text in SAMPLES],
    },
    open("byte_pairs.json", "w"),
    ensure_ascii=True,
)
print(len(merges), "merges")
