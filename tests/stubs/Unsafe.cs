// What protobuf's runtime calls and Mono keeps to itself: enough to compile against, never to run.
namespace System.Runtime.CompilerServices
{
    internal static class Unsafe
    {
        internal static ref T Add<T>(ref T source, int count) { throw new NotSupportedException(); }
        internal static ref T AddByteOffset<T>(ref T source, IntPtr offset) { throw new NotSupportedException(); }
        internal static ref B As<A, B>(ref A source) { throw new NotSupportedException(); }
        internal static T ReadUnaligned<T>(ref byte source) { throw new NotSupportedException(); }
        internal static void WriteUnaligned<T>(ref byte destination, T value) { throw new NotSupportedException(); }
    }
}
