import java.io.FileInputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.flavours.PDFAFlavour;

/** One line for each rule of PDF/UA-1 that a file breaks, and one that says how many checks it passed. */
public class Validate {
    public static void main(String[] paths) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        var foundry = Foundries.defaultInstance();
        for (String path : paths) {
            try (var file = new FileInputStream(path);
                    var parser = foundry.createParser(file, PDFAFlavour.PDFUA_1);
                    var validator = foundry.createValidator(PDFAFlavour.PDFUA_1, false)) {
                var result = validator.validate(parser);
                for (var fault : result.getTestAssertions()) {
                    System.out.printf("%s: %s, %s%n", path, fault.getRuleId().getClause(), fault.getMessage());
                }
                var word = result.isCompliant() ? "compliant" : "not compliant";
                System.out.printf("%s: %s, %d checks%n", path, word, result.getTotalAssertions());
            }
        }
    }
}
