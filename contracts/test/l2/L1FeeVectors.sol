// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title L1FeeVectors
/// @notice Transactions and what op-revm 20 charges for them (`L1BlockInfo::calculate_tx_l1_cost`
///         with OpSpecId::KARST) at the prices below. Made by a Rust program on op-revm 20.0.0 and
///         alloy-consensus 2.5: each transaction was encoded for signing (`unsigned`) and with a
///         made-up signature (`signed`). `cost` is op-revm's for `signed`; `estimate` is op-revm's
///         for an incompressible input whose FastLZ size is that of `unsigned` plus 68.
library L1FeeVectors {
    struct Vector {
        bytes unsigned;
        bytes signed;
        uint256 unsignedFastLz;
        uint256 signedFastLz;
        uint256 cost;
        uint256 estimate;
    }

    uint256 internal constant L1_BASE_FEE = 1_055_991_687;
    uint256 internal constant L1_BLOB_BASE_FEE = 3_000_000_017;

    function all() internal pure returns (Vector[] memory vectors) {
        vectors = new Vector[](5);
        // EIP-1559, ether transfer
        vectors[0] = Vector({
            unsigned:
                hex"02f182a45507830f42418459682f078303345094a0b86991c6218b36c1d19d4a2e9eb0ce3606"
                hex"eb4888112210f47de9811580c0",
            signed:
                hex"02f87482a45507830f42418459682f078303345094a0b86991c6218b36c1d19d4a2e9eb0ce36"
                hex"06eb4888112210f47de9811580c001a0414f72a4d550cad29f17d9d99a4af64b3776ec5538cd"
                hex"440cef0f03fef2e9e010a030539dfd890d4c7db5a96fd94f586f7ebb5b0032dc6783c815d794"
                hex"60b3e926d7",
            unsignedFastLz: 53,
            signedFastLz: 123,
            cost: 313_095_371_400,
            estimate: 313_095_371_400
        });
        // EIP-1559, ERC-20 transfer
        vectors[1] = Vector({
            unsigned:
                hex"02f87682a45507830f42418459682f078303345094a0b86991c6218b36c1d19d4a2e9eb0ce36"
                hex"06eb4888112210f47de98115b844a9059cbb000000000000000000000000d8da6bf26964af9d"
                hex"7eed9e03e53415d37aa960450000000000000000000000000000000000000000000000000de0"
                hex"b6b3a7640000c0",
            signed:
                hex"02f8b982a45507830f42418459682f078303345094a0b86991c6218b36c1d19d4a2e9eb0ce36"
                hex"06eb4888112210f47de98115b844a9059cbb000000000000000000000000d8da6bf26964af9d"
                hex"7eed9e03e53415d37aa960450000000000000000000000000000000000000000000000000de0"
                hex"b6b3a7640000c001a0414f72a4d550cad29f17d9d99a4af64b3776ec5538cd440cef0f03fef2"
                hex"e9e010a030539dfd890d4c7db5a96fd94f586f7ebb5b0032dc6783c815d79460b3e926d7",
            unsignedFastLz: 99,
            signedFastLz: 168,
            cost: 313_095_371_400,
            estimate: 313_095_371_400
        });
        // EIP-1559, swap-like words
        vectors[2] = Vector({
            unsigned:
                hex"02f9023782a45507830f42418459682f078303345094a0b86991c6218b36c1d19d4a2e9eb0ce"
                hex"3606eb4888112210f47de98115b9020438ed1739000000000000000000000000000000000000"
                hex"0000000000000000000000000000011b4d03dd8c01f1049143cf9c4c817e4b167f1d1b83e5c6"
                hex"f0f10d89ba1e7bce000000000000000000000000000000000000000000000000000000000102"
                hex"03056c31fc15422ebad28aaf9089c306702f67540b53c7eea8b7d2941044b027100f00000000"
                hex"0000000000000000000000000000000000000000000000000204060a859f11b75569a4eb0496"
                hex"c5138fd42cc52aee8cf5c4e7cfafe58c92b2ed138e0400000000000000000000000000000000"
                hex"0000000000000000000000000306090f011b4d03dd8c01f1049143cf9c4c817e4b167f1d1b83"
                hex"e5c6f0f10d89ba1e7bce00000000000000000000000000000000000000000000000000000000"
                hex"04080c146c31fc15422ebad28aaf9089c306702f67540b53c7eea8b7d2941044b027100f0000"
                hex"0000000000000000000000000000000000000000000000000000050a0f19859f11b75569a4eb"
                hex"0496c5138fd42cc52aee8cf5c4e7cfafe58c92b2ed138e040000000000000000000000000000"
                hex"0000000000000000000000000000060c121e011b4d03dd8c01f1049143cf9c4c817e4b167f1d"
                hex"1b83e5c6f0f10d89ba1e7bce0000000000000000000000000000000000000000000000000000"
                hex"0000070e15236c31fc15422ebad28aaf9089c306702f67540b53c7eea8b7d2941044b027100f"
                hex"c0",
            signed:
                hex"02f9027a82a45507830f42418459682f078303345094a0b86991c6218b36c1d19d4a2e9eb0ce"
                hex"3606eb4888112210f47de98115b9020438ed1739000000000000000000000000000000000000"
                hex"0000000000000000000000000000011b4d03dd8c01f1049143cf9c4c817e4b167f1d1b83e5c6"
                hex"f0f10d89ba1e7bce000000000000000000000000000000000000000000000000000000000102"
                hex"03056c31fc15422ebad28aaf9089c306702f67540b53c7eea8b7d2941044b027100f00000000"
                hex"0000000000000000000000000000000000000000000000000204060a859f11b75569a4eb0496"
                hex"c5138fd42cc52aee8cf5c4e7cfafe58c92b2ed138e0400000000000000000000000000000000"
                hex"0000000000000000000000000306090f011b4d03dd8c01f1049143cf9c4c817e4b167f1d1b83"
                hex"e5c6f0f10d89ba1e7bce00000000000000000000000000000000000000000000000000000000"
                hex"04080c146c31fc15422ebad28aaf9089c306702f67540b53c7eea8b7d2941044b027100f0000"
                hex"0000000000000000000000000000000000000000000000000000050a0f19859f11b75569a4eb"
                hex"0496c5138fd42cc52aee8cf5c4e7cfafe58c92b2ed138e040000000000000000000000000000"
                hex"0000000000000000000000000000060c121e011b4d03dd8c01f1049143cf9c4c817e4b167f1d"
                hex"1b83e5c6f0f10d89ba1e7bce0000000000000000000000000000000000000000000000000000"
                hex"0000070e15236c31fc15422ebad28aaf9089c306702f67540b53c7eea8b7d2941044b027100f"
                hex"c001a0414f72a4d550cad29f17d9d99a4af64b3776ec5538cd440cef0f03fef2e9e010a03053"
                hex"9dfd890d4c7db5a96fd94f586f7ebb5b0032dc6783c815d79460b3e926d7",
            unsignedFastLz: 228,
            signedFastLz: 293,
            cost: 634_045_992_574,
            estimate: 641_903_120_920
        });
        // EIP-1559, random 200 bytes
        vectors[3] = Vector({
            unsigned:
                hex"02f8fa82a45507830f42418459682f078303345094a0b86991c6218b36c1d19d4a2e9eb0ce36"
                hex"06eb4888112210f47de98115b8c8ea2e640cf9cf85178466ebb2f721ea6b3ec88def0a8c3d3f"
                hex"7d31e775eed05347b5e80e6b2a10b533a6c896e5e5dabec3baf015d81c9ffb36f3cd8795dbe1"
                hex"98963f7e909e3404274d44f2aa09c7ce1427c6dcdbdd3beabd9ae635da048abd79d492828e1c"
                hex"76ac02dc177392f483100a1b29e4d5640bd4059777e64d45daad40a5793ba2137e8112e2cf5c"
                hex"10c9076ff892e6dd53f588f2da26fb85affd57651c6abd3166e71f338dbdb935e63726382a0d"
                hex"0e53329e73e1c54fc61f356335eef0b48e3a00146f8b0202c0",
            signed:
                hex"02f9013d82a45507830f42418459682f078303345094a0b86991c6218b36c1d19d4a2e9eb0ce"
                hex"3606eb4888112210f47de98115b8c8ea2e640cf9cf85178466ebb2f721ea6b3ec88def0a8c3d"
                hex"3f7d31e775eed05347b5e80e6b2a10b533a6c896e5e5dabec3baf015d81c9ffb36f3cd8795db"
                hex"e198963f7e909e3404274d44f2aa09c7ce1427c6dcdbdd3beabd9ae635da048abd79d492828e"
                hex"1c76ac02dc177392f483100a1b29e4d5640bd4059777e64d45daad40a5793ba2137e8112e2cf"
                hex"5c10c9076ff892e6dd53f588f2da26fb85affd57651c6abd3166e71f338dbdb935e63726382a"
                hex"0d0e53329e73e1c54fc61f356335eef0b48e3a00146f8b0202c001a0414f72a4d550cad29f17"
                hex"d9d99a4af64b3776ec5538cd440cef0f03fef2e9e010a030539dfd890d4c7db5a96fd94f586f"
                hex"7ebb5b0032dc6783c815d79460b3e926d7",
            unsignedFastLz: 261,
            signedFastLz: 332,
            cost: 736_188_661_063,
            estimate: 728_331_532_718
        });
        // Legacy, 90 random bytes
        vectors[4] = Vector({
            unsigned:
                hex"f88001847735940082520894d8da6bf26964af9d7eed9e03e53415d37aa960450ab85ac05de2"
                hex"3bfc9a474d4cb19960330725d05fd8960ebedae32eb1868990b29a9056393bb142a894f16255"
                hex"9cf5e5abcd6c37eed76103a32bcacc064c3a4d087bc1778fac3b419f96ba34ffdd93b0af25d7"
                hex"05fc631929e8accccadc0982a4558080",
            signed:
                hex"f8c101847735940082520894d8da6bf26964af9d7eed9e03e53415d37aa960450ab85ac05de2"
                hex"3bfc9a474d4cb19960330725d05fd8960ebedae32eb1868990b29a9056393bb142a894f16255"
                hex"9cf5e5abcd6c37eed76103a32bcacc064c3a4d087bc1778fac3b419f96ba34ffdd93b0af25d7"
                hex"05fc631929e8accccadc09830148cea0414f72a4d550cad29f17d9d99a4af64b3776ec5538cd"
                hex"440cef0f03fef2e9e010a030539dfd890d4c7db5a96fd94f586f7ebb5b0032dc6783c815d794"
                hex"60b3e926d7",
            unsignedFastLz: 135,
            signedFastLz: 202,
            cost: 395_713_099_433,
            estimate: 398_332_142_215
        });
    }
}
