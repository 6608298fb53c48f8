// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title WETH (predeploy 0x4200000000000000000000000000000000000006)
/// @notice Ether as an ERC-20, with the behaviour of WETH9: one wei in, one token out.
contract WETH {
    /// @notice `src` holds fewer tokens than asked for.
    error InsufficientBalance(address src, uint256 balance, uint256 wad);
    /// @notice `src` allowed `spender` fewer tokens than asked for.
    error InsufficientAllowance(address src, address spender, uint256 allowance, uint256 wad);
    /// @notice The withdrawing account refused the ether.
    error TransferFailed(address dst, uint256 wad);

    event Approval(address indexed src, address indexed guy, uint256 wad);
    event Transfer(address indexed src, address indexed dst, uint256 wad);
    event Deposit(address indexed dst, uint256 wad);
    event Withdrawal(address indexed src, uint256 wad);

    string public constant version = "1.1.0";
    string public constant name = "Wrapped Ether";
    string public constant symbol = "WETH";
    uint8 public constant decimals = 18;

    mapping(address owner => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    /// @notice Wraps the ether sent.
    receive() external payable {
        deposit();
    }

    /// @notice Wraps the ether sent, whatever the calldata, as WETH9 does.
    fallback() external payable {
        deposit();
    }

    /// @notice Unwraps tokens of the caller.
    /// @param wad Tokens to burn and wei to pay out.
    function withdraw(uint256 wad) external {
        uint256 balance = balanceOf[msg.sender];
        if (balance < wad) revert InsufficientBalance(msg.sender, balance, wad);
        balanceOf[msg.sender] = balance - wad;
        emit Withdrawal(msg.sender, wad);
        // The balance is written before the call; unlike WETH9 no 2,300 gas stipend keeps smart
        // accounts (EIP-7702 among them) from receiving.
        (bool sent,) = msg.sender.call{value: wad}("");
        if (!sent) revert TransferFailed(msg.sender, wad);
    }

    /// @notice Lets `guy` move up to `wad` tokens of the caller; the maximum never runs out.
    function approve(address guy, uint256 wad) external returns (bool) {
        allowance[msg.sender][guy] = wad;
        emit Approval(msg.sender, guy, wad);
        return true;
    }

    /// @notice Moves tokens of the caller.
    function transfer(address dst, uint256 wad) external returns (bool) {
        return transferFrom(msg.sender, dst, wad);
    }

    /// @notice Tokens in existence. Ether forced into the contract counts, as in WETH9.
    function totalSupply() external view returns (uint256) {
        return address(this).balance;
    }

    /// @notice Wraps the ether sent.
    function deposit() public payable {
        balanceOf[msg.sender] += msg.value;
        emit Deposit(msg.sender, msg.value);
    }

    /// @notice Moves tokens of `src` by its allowance to the caller.
    function transferFrom(address src, address dst, uint256 wad) public returns (bool) {
        if (src != msg.sender) {
            uint256 allowed = allowance[src][msg.sender];
            if (allowed < wad) revert InsufficientAllowance(src, msg.sender, allowed, wad);
            if (allowed != type(uint256).max) allowance[src][msg.sender] = allowed - wad;
        }
        uint256 balance = balanceOf[src];
        if (balance < wad) revert InsufficientBalance(src, balance, wad);
        balanceOf[src] = balance - wad;
        balanceOf[dst] += wad;
        emit Transfer(src, dst, wad);
        return true;
    }
}
