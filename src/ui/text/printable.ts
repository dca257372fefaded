/**
 * Text that cannot control the terminal: models and files may contain escape sequences. Newlines stay, a tab becomes
 * spaces, other control characters and line separators become visible as �.
 */
export function printable(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/\t/g, '    ')
    .replace(/(?!\n)[\p{Cc}\u2028\u2029]/gu, '\ufffd')
}
