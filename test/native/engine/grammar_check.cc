#include "grammar_check.h"

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "model/grammar/constraint.h"
#include "model/sampler/random.h"

namespace openelm {
namespace {

constexpr const char* kGrammar = R"(root ::= value
value ::= object | array | string | number | "null" # any JSON
object ::= "{" (pair ("," pair)*)? "}"
pair ::= string ":" " "? value
array ::= "[" (value ("," value){0,3})? "]"
string ::= "\"" ([^"\\\x00-\x1F] | "\\" ["\\/bfnrt]){0,9} "\""
number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)?
)";

std::shared_ptr<const TokenTrie> make_trie() {
  Vocab vocab;
  const auto add = [&vocab](std::string piece, PieceType type) {
    vocab.pieces.push_back(std::move(piece));
    vocab.scores.push_back(0);
    vocab.types.push_back(type);
  };
  add("</s>", PieceType::kControl);
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte)
    add(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">", PieceType::kByte);
  for (const char* piece :
       {"{\"", "\":", "\",", "],[", "[[", "}}", "12", "abc", "\xC3\xA9\xE2\x82\xAC", "null", "]"})
    add(piece, PieceType::kNormal);
  auto tokenizer = Tokenizer::create(std::move(vocab));
  return std::make_shared<const TokenTrie>(*tokenizer.value);
}

/// The text chosen when all tokens are alike; whether it is one of the grammar.
std::string draw(const std::shared_ptr<const Grammar>& grammar, uint64_t seed, size_t limit, bool& complete) {
  SamplingParams sampling;
  sampling.seed = seed;
  const std::vector<int32_t> stops{0};
  const std::vector<float> logits(grammar->trie().tokens());
  TokenChooser chooser(sampling, grammar, limit, stops);
  Matcher matcher(grammar->automaton());
  std::string text;
  for (size_t i = 0; i < limit && chooser.status().ok() && !chooser.done(); ++i) {
    const int32_t id = chooser.next(logits);
    if (id <= 0) break;
    text += grammar->trie().bytes(id);
  }
  complete = !chooser.status().ok() || (matcher.push(text) && matcher.complete());
  return text;
}

void check_threads(const std::shared_ptr<const TokenTrie>& trie, Report& report) {
  constexpr uint64_t kTexts = 40;
  const auto alone = Grammar::create(kGrammar, trie), shared = Grammar::create(kGrammar, trie);
  report.result(alone.ok() && shared.ok(), "a grammar is made");
  if (!alone.ok() || !shared.ok()) return;
  std::vector<std::string> expected(kTexts);
  bool complete = true, all = true;
  for (uint64_t i = 0; i < kTexts; ++i) {
    expected[i] = draw(alone.value, i, 5 + i, complete);
    all = all && complete;
  }
  report.result(all, "texts are complete at any limit");
  std::vector<std::thread> users;
  std::vector<uint8_t> same(3, 0);
  for (uint8_t& mine : same) {
    users.emplace_back([&] {
      bool whole = true, equal = true;
      for (uint64_t i = 0; i < kTexts; ++i)
        equal = draw(shared.value, i, 5 + i, whole) == expected[i] && equal;
      mine = equal ? 1 : 0;
    });
  }
  for (std::thread& user : users) user.join();
  report.result(std::count(same.begin(), same.end(), 1) == 3,
                "several threads on one grammar get what one gets");
}

void check_mutations(const std::shared_ptr<const TokenTrie>& trie, Report& report) {
  Random random(7);
  constexpr std::string_view kBytes = "\"[](){}|*+?.:=#\\nx09-^ \naroot,\xC3";
  size_t followed = 0, refused = 0;
  bool all = true;
  for (uint64_t i = 0; i < 1500; ++i) {
    std::string text = kGrammar;
    for (uint32_t edits = 1 + random.next() % 3; edits > 0; --edits) {
      const size_t at = random.next() % text.size(), kind = random.next() % 3;
      const char byte = kBytes[random.next() % kBytes.size()];
      if (kind == 0) text[at] = byte;
      if (kind == 1) text.insert(at, 1, byte);
      if (kind == 2) text.erase(at, 1 + random.next() % 5);
    }
    const auto grammar = Grammar::create(text, trie);
    ++(grammar.ok() ? followed : refused);
    bool complete = grammar.ok() || grammar.status.code() == Code::grammar;
    if (grammar.ok()) draw(grammar.value, i, 20, complete);
    all = all && complete;
  }
  report.result(all && followed > 100 && refused > 100, "mutated grammars are followed (" +
                                                            std::to_string(followed) + ") or refused (" +
                                                            std::to_string(refused) + ")");
}

}  // namespace

void check_grammar(Report& report) {
  const auto trie = make_trie();
  check_threads(trie, report);
  check_mutations(trie, report);
}

}  // namespace openelm
