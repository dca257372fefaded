type Labels = Readonly<Record<string, string>>

const format = (labels: Labels) => {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`,
  )
  return pairs.length > 0 ? `{${pairs.join(',')}}` : ''
}

const head = (name: string, help: string, type: string) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`

class Counter {
  readonly #values = new Map<string, number>()
  readonly name: string
  readonly help: string

  constructor(name: string, help: string) {
    this.name = name
    this.help = help
  }

  add(amount: number, labels: Labels = {}): void {
    const key = format(labels)
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount)
  }

  toString(): string {
    const values = this.#values.size > 0 ? [...this.#values] : [['', 0] as const]
    return (
      head(this.name, this.help, 'counter') +
      values.map(([labels, value]) => `${this.name}${labels} ${value}\n`).join('')
    )
  }
}

class Histogram {
  readonly #counts: number[]
  #sum = 0
  readonly name: string
  readonly help: string
  readonly bounds: readonly number[]

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.bounds = bounds
    this.#counts = new Array(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    const at = this.bounds.findIndex((bound) => value <= bound)
    const index = at < 0 ? this.bounds.length : at
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.#sum += value
  }

  toString(): string {
    let total = 0
    const lines = [...this.bounds, '+Inf'].map((bound, i) => {
      total += this.#counts[i] ?? 0
      return `${this.name}_bucket{le="${bound}"} ${total}\n`
    })
    return `${head(this.name, this.help, 'histogram')}${lines.join('')}${this.name}_sum ${this.#sum}\n${this.name}_count ${total}\n`
  }
}

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/** What the server counts, and its text for Prometheus (exposition format 0.0.4). */
export class Metrics {
  readonly requests = new Counter('openelm_requests_total', 'Requests answered, by endpoint and HTTP status.')
  readonly promptTokens = new Counter('openelm_prompt_tokens_total', 'Prompt tokens of finished requests.')
  readonly cachedTokens = new Counter(
    'openelm_prompt_tokens_cached_total',
    'Prompt tokens found in a cache instead of evaluated.',
  )
  readonly generatedTokens = new Counter('openelm_generated_tokens_total', 'Tokens generated.')
  readonly seconds = new Histogram(
    'openelm_request_seconds',
    'Seconds from a request to the end of its answer.',
    SECONDS,
  )
  readonly firstToken = new Histogram(
    'openelm_first_token_seconds',
    'Seconds from a request to its first token, waiting included.',
    SECONDS,
  )

  /** The text, with gauges read now. */
  render(gauges: Readonly<Record<string, readonly [help: string, value: number]>>): string {
    const { requests, promptTokens, cachedTokens, generatedTokens, seconds, firstToken } = this
    const counted = [requests, promptTokens, cachedTokens, generatedTokens, seconds, firstToken].join('')
    const read = Object.entries(gauges).map(
      ([name, [help, value]]) => `${head(name, help, 'gauge')}${name} ${value}\n`,
    )
    return counted + read.join('')
  }
}
