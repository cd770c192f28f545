/** Printing at the pace of the reader. */

/**
 * Prints as long as the output is read; `tell` is called with how many were left
 * out when it is read again.
 */
export function whileRead(
  tell: (dropped: number) => void,
): (print: () => Promise<void> | undefined) => void {
  let isBehind = false, dropped = 0;
  return (print) => {
    if (isBehind) return void dropped++;
    const printed = print();
    isBehind = printed !== undefined;
    printed?.then(() => {
      isBehind = false;
      if (dropped > 0) tell(dropped);
      dropped = 0;
    });
  };
}
