/**
 * PGlite's decoder takes a U+FEFF away from the beginning of a value it gives back. In the stand-in's tables a character that is no
 * character, of as many bytes, stands there instead.
 */

export const withMark = (text: string): string => text.replace(/^\uFEFF/, '\uFFFF')
export const withoutMark = (text: string): string => text.replace(/^\uFFFF/, '\uFEFF')
