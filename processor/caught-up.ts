/**
 * An object that is up to date whenever it is asked: in is the object and what brings it up to date, out is one with the same members, each of which
 * does that first. So a reader need not know that work waits, and a member that is added later cannot be forgotten.
 * For what is asked now and then: a look at a member costs a call.
 */

/** `of`, brought up to date by `first` before every look at a member of it or of an object in it, and before every call. */
export function caughtUp<T extends object>(of: T, first: () => void): T {
  return new Proxy(of, {
    get(target, key): unknown {
      first()
      const member: unknown = Reflect.get(target, key, target)
      if (typeof member === 'function')
        return (...args: unknown[]): unknown => {
          first()
          return Reflect.apply(member, target, args)
        }
      return typeof member === 'object' && member !== null ? caughtUp(member, first) : member
    },
  })
}
