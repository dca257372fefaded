import type { Editor } from './editor.js'
import type { Key } from './keys.js'

/** A search for something typed before. */
export interface Search {
  readonly query: string
  /** Index of the entry found; undefined where none has the query. */
  readonly found: number | undefined
  /** What was being written when the search began. */
  readonly before: Editor
}

export const startSearch = (before: Editor): Search => ({ query: '', found: undefined, before })

export type SearchAction =
  | { readonly type: 'type'; readonly text: string }
  | { readonly type: 'erase' | 'older' | 'newer' | 'cancel' }

/** What a key does to a search; undefined for keys that end it and then do what they always do. */
export function bindSearch(key: Key): SearchAction | undefined {
  switch (key.name) {
    case 'text':
    case 'paste':
      return { type: 'type', text: key.text.replace(/\s+/g, ' ') }
    case 'backspace':
      return { type: 'erase' }
    case 'escape':
      return { type: 'cancel' }
    case 'letter':
      if (!key.ctrl) return undefined
      if (key.text === 'r') return { type: 'older' }
      if (key.text === 's') return { type: 'newer' }
      return key.text === 'c' || key.text === 'g' ? { type: 'cancel' } : undefined
    default:
      return undefined
  }
}

/** The search after an action that goes on with it; undefined after `cancel`. */
export function reduceSearch(
  search: Search,
  action: SearchAction,
  history: readonly string[],
): Search | undefined {
  const { query, found } = search
  const last = history.length - 1
  switch (action.type) {
    case 'cancel':
      return undefined
    case 'type':
      return find({ ...search, query: query + action.text }, history, found ?? last, -1)
    case 'erase':
      return find({ ...search, query: [...query].slice(0, -1).join('') }, history, last, -1)
    case 'older':
      return find(search, history, (found ?? last + 1) - 1, -1)
    case 'newer':
      return find(search, history, (found ?? last) + 1, 1)
  }
}

/** The nearest entry with the query from `start` on. Where there is none, what was found before stays if it still fits. */
function find(search: Search, history: readonly string[], start: number, by: -1 | 1): Search {
  const query = search.query.toLowerCase()
  const fits = (index: number) => history[index]?.toLowerCase().includes(query) ?? false
  if (query === '') return { ...search, found: undefined }
  for (let index = start; index >= 0 && index < history.length; index += by) {
    if (fits(index)) return { ...search, found: index }
  }
  return { ...search, found: search.found !== undefined && fits(search.found) ? search.found : undefined }
}

/** What the input shows during a search: the entry found with the cursor at the match, else what was written before. */
export function searchEditor({ query, found, before }: Search, history: readonly string[]): Editor {
  const text = found === undefined ? undefined : history[found]
  if (text === undefined) return before
  const at = text.toLowerCase().indexOf(query.toLowerCase())
  return { text, cursor: Math.min(text.length, Math.max(0, at) + query.length) }
}
