#include "model/grammar/gbnf.h"

#include <algorithm>
#include <map>
#include <utility>

#include "model/grammar/gbnf_scanner.h"

namespace openelm {
namespace {

constexpr uint32_t kMaxDepth = 500;    // of nested groups and repetitions
constexpr uint32_t kMaxCount = 65536;  // of {m,n}
constexpr size_t kMaxText = size_t{1} << 20;

using Kind = GrammarNode::Kind;

/// Recursive descent. After a failure the scanner says where, and everything returns at once.
class Parser {
 public:
  explicit Parser(std::string_view text) : in_(text) {}

  Result<GrammarTree> parse() {
    in_.skip_space(true);
    while (!in_.at_end() && in_.ok()) rule();
    if (in_.ok()) check_references();
    if (!in_.ok()) return in_.status();
    const auto root = names_.find("root");
    if (root == names_.end())
      return Status(Code::grammar, "There is no rule \"root\", with which a grammar begins");
    tree_.root = root->second;
    return std::move(tree_);
  }

 private:
  void rule() {
    const Place place = in_.place();
    const std::string name = in_.name();
    if (name.empty()) return in_.fail("Expected the name of a rule");
    in_.skip_space(false);
    if (!in_.take("::=")) return in_.fail("Expected ::= after \"" + name + "\"");
    in_.skip_space(true);
    const uint32_t index = rule_index(name, place);
    if (defined_[index]) return in_.fail_at(place, "The rule \"" + name + "\" is defined twice");
    defined_[index] = true;
    tree_.rules[index].line = place.line;
    tree_.rules[index].column = place.column;
    const uint32_t body = alternatives(0);
    if (!in_.ok()) return;
    tree_.rules[index].body = body;
    if (!in_.at_end() && !in_.take_newline()) {
      return in_.fail(in_.peek() == ')' ? "There is no group that this ) closes"
                                        : "Expected the end of the rule");
    }
    in_.skip_space(true);
  }

  uint32_t rule_index(const std::string& name, const Place& place) {
    const auto [entry, added] = names_.emplace(name, static_cast<uint32_t>(tree_.rules.size()));
    if (added) {
      tree_.rules.push_back({name, place.line, place.column, 0});
      defined_.push_back(false);
    }
    return entry->second;
  }

  void check_references() {
    for (size_t i = 0; i < tree_.rules.size(); ++i) {
      const GrammarRule& rule = tree_.rules[i];
      if (!defined_[i])
        return in_.fail_at({rule.line, rule.column}, "The rule \"" + rule.name + "\" is not defined");
    }
  }

  /// Index of a new node, unless the tree is too deep.
  uint32_t add(GrammarNode node) {
    for (const uint32_t child : node.children)
      node.depth = std::max(node.depth, tree_.nodes[child].depth + 1);
    if (node.depth > kMaxDepth)
      in_.fail("Groups and repetitions are nested more than " + std::to_string(kMaxDepth) + " deep");
    tree_.nodes.push_back(std::move(node));
    return static_cast<uint32_t>(tree_.nodes.size() - 1);
  }

  uint32_t alternatives(uint32_t groups) {
    GrammarNode choice;
    choice.kind = Kind::choice;
    do {
      in_.skip_space(!choice.children.empty() || groups > 0);
      choice.children.push_back(sequence(groups));
    } while (in_.ok() && in_.take("|"));
    if (choice.children.size() == 1) return choice.children[0];
    return add(std::move(choice));
  }

  uint32_t sequence(uint32_t groups) {
    GrammarNode sequence;
    while (in_.ok() && begins_item()) {
      uint32_t item = this->item(groups);
      while (in_.ok() && repetition(item)) in_.skip_space(groups > 0);
      sequence.children.push_back(item);
    }
    if (sequence.children.size() == 1) return sequence.children[0];
    return add(std::move(sequence));
  }

  bool begins_item() const {
    const char c = in_.peek();
    return c == '"' || c == '[' || c == '(' || c == '.' || GbnfScanner::is_name(c);
  }

  uint32_t item(uint32_t groups) {
    GrammarNode node;
    const char c = in_.peek();
    if (c == '"') {
      const uint32_t literal = this->literal();
      in_.skip_space(groups > 0);
      return literal;
    }
    if (c == '(') {
      const Place place = in_.place();
      in_.take("(");
      if (groups >= kMaxDepth) {
        in_.fail("Groups are nested more than " + std::to_string(kMaxDepth) + " deep");
        return 0;
      }
      const uint32_t inner = alternatives(groups + 1);
      if (in_.ok() && !in_.take(")")) in_.fail_at(place, "This group is not closed");
      in_.skip_space(groups > 0);
      return inner;
    }
    if (c == '[') {
      node.kind = Kind::chars;
      node.ranges = in_.char_class();
    } else if (c == '.') {
      in_.take(".");
      node.kind = Kind::chars;
      node.ranges = complement({});
    } else {
      const Place place = in_.place();
      node.kind = Kind::rule;
      node.rule = rule_index(in_.name(), place);
    }
    in_.skip_space(groups > 0);
    return add(std::move(node));
  }

  uint32_t literal() {
    GrammarNode sequence;
    for (const uint32_t code : in_.literal()) {
      GrammarNode one;
      one.kind = Kind::chars;
      one.ranges = {{code, code}};
      sequence.children.push_back(add(std::move(one)));
    }
    return add(std::move(sequence));
  }

  /// Wraps the item if a repetition follows it.
  bool repetition(uint32_t& item) {
    GrammarNode node;
    node.kind = Kind::repeat;
    node.children = {item};
    if (in_.take("*")) {
      node.most = kUnlimited;
    } else if (in_.take("+")) {
      node.least = 1;
      node.most = kUnlimited;
    } else if (in_.take("?")) {
      node.most = 1;
    } else if (in_.peek() == '{') {
      counts(node);
    } else {
      return false;
    }
    item = add(std::move(node));
    return true;
  }

  void counts(GrammarNode& node) {
    const Place place = in_.place();
    in_.take("{");
    in_.skip_space(false);
    node.least = node.most = count();
    in_.skip_space(false);
    if (in_.take(",")) {
      in_.skip_space(false);
      node.most = in_.peek() == '}' ? kUnlimited : count();
      in_.skip_space(false);
    }
    if (in_.ok() && !in_.take("}")) in_.fail("Expected } after a count");
    if (in_.ok() && node.most < node.least) in_.fail_at(place, "The counts of {m,n} are in the wrong order");
  }

  uint32_t count() {
    const Place place = in_.place();
    uint32_t value = 0;
    bool any = false;
    for (; in_.peek() >= '0' && in_.peek() <= '9'; in_.advance()) {
      value = std::min(value * 10 + static_cast<uint32_t>(in_.peek() - '0'), kMaxCount + 1);
      any = true;
    }
    if (!any) in_.fail("Expected a count, such as {2} or {2,5}");
    if (value > kMaxCount)
      in_.fail_at(place, "A count is more than " + std::to_string(kMaxCount) + ", the most there may be");
    return value;
  }

  GbnfScanner in_;
  GrammarTree tree_;
  std::map<std::string, uint32_t, std::less<>> names_;
  std::vector<bool> defined_;
};

}  // namespace

Result<GrammarTree> parse_gbnf(std::string_view text) {
  if (text.size() > kMaxText)
    return Status(Code::grammar, "The grammar has " + std::to_string(text.size()) + " bytes; the most are " +
                                     std::to_string(kMaxText));
  return Parser(text).parse();
}

}  // namespace openelm
