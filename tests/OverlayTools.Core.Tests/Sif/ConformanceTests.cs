using System.Reflection;
using System.Text.RegularExpressions;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>The conformance list of the specification's section 7: each row has a test, or a reason why it needs
/// none.</summary>
public sealed partial class ConformanceTests
{
    // Row or rows, and the test class and method that show it. A text with blanks is a reason.
    private static readonly Dictionary<string, string> s_rows = new(StringComparer.Ordinal)
    {
        ["C01 C13"] = "GoldenTests.A_table_without_slots_takes_no_object",
        ["C02-C05 C07-C11"] = "GoldenTests.A_new_image_in_memory_has_the_reference_bytes",
        ["C06"] = "A window is never closed by the image: there is nothing to choose.",
        ["C12"] = "GoldenTests.An_impossible_capacity_is_refused",
        ["C14-C19"] = "GoldenTests.A_new_file_has_the_reference_bytes",
        ["C20-C26"] = "GoldenTests.Offsets_are_aligned_to_any_positive_number",
        ["C27-C28"] = "GoldenTests.An_alignment_beyond_the_largest_offset_is_refused",
        ["A01"] = "GoldenTests.A_table_without_slots_makes_a_file_of_one_header_that_can_be_read",
        ["A02"] = "GoldenTests.A_second_primary_partition_is_refused_and_changes_nothing",
        ["A03-A10"] = "GoldenTests.An_image_that_got_an_object_has_the_reference_bytes",
        ["D01 D12 S01"] = "RemovalTests.An_object_that_is_not_there_cannot_be_removed_or_run",
        ["D02-D11 D14-D20"] = "RemovalTests.An_image_that_lost_objects_has_the_reference_bytes",
        ["D13"] = "Objects are removed by id; there is no predicate that could be missing.",
        ["S02-S05"] = "RemovalTests.An_image_with_another_primary_partition_has_the_reference_bytes",
        ["S06-S09 S11-S14"] = "RemovalTests.An_image_with_other_metadata_has_the_reference_bytes",
        ["S10"] = "RemovalTests.Metadata_of_another_type_is_refused",
        ["I01-I02 I04 I06 I08-I12 I14 I16 I18 I20-I22"] = "GoldenTests.A_descriptor_has_the_reference_bytes",
        ["I03 I05 I07"] = "EditorTests.Numbers_outside_28_bits_are_refused",
        ["I13 I15 I17 I19"] = "EditorTests.Metadata_of_another_type_is_refused",
        ["R01-R03 R23-R25"] = "ReferenceImageTests.Every_object_is_read_as_described",
        ["R04"] = "MalformedTests.An_image_that_cannot_be_trusted_is_rejected",
        ["R05-R09 R11 R13 R19-R22"] = "SelectionTests.Types_groups_and_links_are_those_stored",
        ["R10 R12 R14"] = "Selections are made with Where-Object and filters, where 0 stands for no group.",
        ["R15-R16 R18"] = "SelectionTests.An_object_is_found_by_its_id",
        ["R17"] = "MalformedTests.Two_objects_of_one_id_cannot_be_found_by_it",
        ["R26-R31"] = "SelectionTests.Metadata_is_what_was_given_and_only_of_its_type",
        ["R32-R33"] = "SelectionTests.An_architecture_has_a_code",
        ["R34"] = "IntegrityStreamTests.Of_a_descriptor",
        ["R35"] = "IntegrityStreamTests.Of_a_header",
        ["R36-R40"] = "The reference's buffer in memory is its own; a window here is a file, and its bounds are tested there.",
        ["T01"] = "Sizes for people have a decimal here: 1.5 KiB, not 2 KiB.",
        ["T02 T13"] = "ReferenceImageTests.The_header_is_read_as_described",
        ["T03"] = "ReferenceImageTests.The_table_is_the_one_that_siftool_prints",
        ["T04 T14"] = "SiftoolTests.It_shows_what_we_said_of_an_object",
        ["T05 T12"] = "ExporterTests.An_object_comes_out_as_it_went_in",
        ["T06"] = "SiftoolTests.We_read_what_it_made",
        ["T07 T10"] = "SiftoolTests.It_lists_and_dumps_every_type_that_we_write",
        ["T08"] = "RemovalTests.When_one_of_several_is_not_there_none_is_removed",
        ["T09 T11"] = "RemovalTests.Only_a_system_partition_can_be_run",
        ["T15"] = "Help is Get-Help's, and has tests of its own (Help.Tests.ps1).",
        ["T16"] = "Nothing is mounted with squashfuse by hand and left to a helper to unmount.",
        ["V01"] = "Signatures.TamperingTests.The_old_format_covers_data_only",
        ["V02 V09"] = "Signatures.TamperingTests.A_change_in_the_text_is_noticed",
        ["V03"] = "Signatures.ReferenceSignatureTests.Message_and_envelope_are_written_byte_for_byte",
        ["V04"] = "Signatures.ApptainerTests.Apptainer_verifies_what_we_sign",
        ["V05 V08"] = "Signatures.SigningTests.What_is_signed_verifies_with_the_public_key_and_no_other",
        ["V06"] = "Signatures.OpenPgpKeyTests.Every_kind_of_key_of_version_4_verifies",
        ["V07"] = "Signatures.SigningTests.What_is_not_there_cannot_be_signed",
        ["V10"] = "Signatures.ReferenceSignatureTests.It_says_what_it_covers",
        ["V11"] = "Signatures.ReferenceSignatureTests.Without_the_key_the_image_is_intact_and_nobody_vouches_for_it",
        ["V12"] = "Signatures.ApptainerTests.What_Apptainer_calls_invalid_of_a_signed_image_is_not_sound",
        ["P01-P08"] = "That is Apptainer's opener; what it opens is tested by running it (Containers).",
    };

    // Rows of section 9 that are no case of MalformedTests' four lists.
    private static readonly Dictionary<string, string> s_malformed = new(StringComparer.Ordinal)
    {
        ["m07"] = "MalformedTests.A_file_without_its_data_still_lists_its_objects",
        ["d03"] = "MalformedTests.A_free_slot_may_hold_anything_and_is_cleared_when_it_is_used",
        ["d47-d48"] = "MalformedTests.A_signature_with_an_unknown_hash_cannot_be_used",
        ["d49-d50"] = "MalformedTests.An_unknown_bill_of_materials_is_shown_as_such",
        ["d51-d58"] = "MalformedTests.An_object_with_a_bad_digest_cannot_be_used",
        ["d59"] = "MalformedTests.A_digest_of_something_else_is_read_as_it_stands",
        ["v01 v05-v06"] = "Signatures.TamperingTests.A_change_is_noticed_if_it_is_covered",
        ["v02"] = "Signatures.TamperingTests.Only_white_space_may_follow_an_envelope",
        ["v03"] = "Signatures.TamperingTests.A_change_in_the_text_is_noticed",
        ["v04"] = "Signatures.TamperingTests.A_fingerprint_that_is_not_the_signers_is_noticed",
        ["v07"] = "Signatures.ApptainerTests.What_Apptainer_calls_invalid_of_a_signed_image_is_not_sound",
        ["v08"] = "Signatures.TamperingTests.The_old_format_covers_data_only",
    };

    [Fact]
    public void No_malformed_image_of_the_specification_is_left_out()
    {
        var text = File.ReadAllText(Machine.NeedShared("spec/sif.md"));
        var rows = MalformedRow().Matches(text).SelectMany(match => Expand(
            match.Groups["ids"].Value.Replace("–", "-", StringComparison.Ordinal).Replace(",", "", StringComparison.Ordinal)));
        var cases = MalformedTests.Rejected.Concat(MalformedTests.Tolerated).Concat(MalformedTests.Spoilt)
            .Concat(MalformedTests.ReadOnly).Select(row => row.Data.Split(' ')[0]);
        var tested = cases.Concat(s_malformed.Keys.SelectMany(Expand)).ToHashSet(StringComparer.Ordinal);

        Assert.True(rows.Distinct().Count() >= 114, "the rows have another form now");
        Assert.Equal([], rows.Except(tested));
    }

    [Fact]
    public void No_row_of_the_specification_is_left_out()
    {
        var text = File.ReadAllText(Machine.NeedShared("spec/sif.md"));
        var rows = RowStart().Matches(text).Select(match => match.Groups["id"].Value).Distinct();
        var listed = s_rows.Keys.SelectMany(Expand).ToList();

        Assert.Equal(rows.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_test_named_exists()
    {
        foreach (var name in s_rows.Values.Concat(s_malformed.Values).Where(value => !value.Contains(' ', StringComparison.Ordinal)))
        {
            var dot = name.LastIndexOf('.');
            var method = GetType().Assembly.GetType($"{GetType().Namespace}.{name[..dot]}")?.GetMethod(name[(dot + 1)..]);
            Assert.True(method?.GetCustomAttributes().Any(a => a is FactAttribute), name);
        }
    }

    private static IEnumerable<string> Expand(string key)
    {
        foreach (var part in key.Split(' '))
        {
            var ends = part.Split('-');
            int first = Number(ends[0]), last = Number(ends[^1]);
            for (var number = first; number <= last; number++)
                yield return $"{part[0]}{number:00}";
        }

        static int Number(string id) => int.Parse(id.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"^\| (?<id>[A-Z][0-9]{2}) \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex RowStart();

    [GeneratedRegex(@"^\| (?<ids>[mdhxv][0-9]{2}([,–] ?[mdhxv][0-9]{2})*) \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex MalformedRow();
}
