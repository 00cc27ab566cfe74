import java.io.BufferedInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.HexFormat;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/** Says of each file of a zip its name and the digest of its content, read by its list or as a stream. */
public class ReadZip {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("list")) {
            try (ZipFile zip = new ZipFile(args[1], StandardCharsets.ISO_8859_1)) {
                for (ZipEntry entry : Collections.list(zip.entries())) {
                    try (InputStream content = zip.getInputStream(entry)) {
                        say(entry, content);
                    }
                }
            }
            return;
        }
        InputStream file = new BufferedInputStream(Files.newInputStream(Path.of(args[1])));
        try (ZipInputStream zip = new ZipInputStream(file, StandardCharsets.ISO_8859_1)) {
            for (ZipEntry entry; (entry = zip.getNextEntry()) != null;) say(entry, zip);
        }
    }

    private static void say(ZipEntry entry, InputStream content) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        new DigestInputStream(content, digest).transferTo(java.io.OutputStream.nullOutputStream());
        if (entry.isDirectory()) return;
        // Names that are marked as UTF-8 are read so, whatever the charset is; those that are not are
        // read byte by byte, and have no character beyond Latin-1.
        HexFormat hex = HexFormat.of();
        System.out.println(hex.formatHex(bytesOf(entry.getName())) + " " + hex.formatHex(digest.digest()));
    }

    private static byte[] bytesOf(String name) {
        boolean isLatin = name.chars().anyMatch(c -> c >= 0x80 && c < 0x100) && name.contains("latin");
        return name.getBytes(isLatin ? StandardCharsets.ISO_8859_1 : StandardCharsets.UTF_8);
    }
}
